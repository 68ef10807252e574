// One screen: is it well, what happens, what was refused, who is held off, what runs.
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { href } from "../app/route";
import { may, whoami } from "../app/session";
import { reasonOf } from "../contract/reference";
import { Badge, Empty, Note, Time } from "../ui/basics";
import { Icon } from "../ui/icons";
import { useActiveAlerts, whoOf } from "./alerts";
import { Failure, Needs } from "./ask";
import { useBans, whomOf } from "./bans";
import { Bars } from "./bars";
import { startOf } from "./broker";
import { useCounts } from "./counts";
import { findings } from "./health";
import { numbers, refusals } from "./live";
import { GAP_MS } from "./numbers";
import { Spark } from "./plot";
import { growth, inWords, lasting, perMinute, rateOf, sumOf, type Series, type Unit } from "./series";
import { to } from "./where";

const HOUR_MS = 3_600_000;
const TOP = 6;

function refusedLogins(count: number): string {
  return count === 1 ? "one login refused" : `${NUMBER.format(count)} logins refused`;
}

export function Overview(): JSX.Element {
  const active = useActiveAlerts();
  const bans = useBans();
  return (
    <div class="overview">
      <Health alerts={active.data?.alerts.length ?? numbers.rows.last("alerts/active")} bans={bans.data?.total ?? numbers.rows.last("bans")} />
      <Tiles />
      <div class="overview-grid">
        <Reasons />
        <section class="panel" aria-labelledby="o-alerts">
          <h2 id="o-alerts"><a href={to("alerts")}>Alerts</a></h2>
          <Needs command="listAlerts" to="see which alerts are active" />
          <Failure error={active.error} />
          {active.data?.alerts.length === 0 ? <Empty>No alert is active.</Empty> : null}
          <ul class="plain-list" aria-label="Active alerts">
            {active.data?.alerts.slice(0, TOP).map((alert, i) => (
              <li key={i}><Badge tone="warn">{alert.kind}</Badge> {alert.title}: <span class="muted">{whoOf(alert)}, since <Time at={alert.time} /></span></li>
            ))}
          </ul>
          {(active.data?.alerts.length ?? 0) > TOP ? <a href={to("alerts")}>All {active.data!.alerts.length}</a> : null}
        </section>
        <section class="panel" aria-labelledby="o-bans">
          <h2 id="o-bans"><a href={to("bans")}>Bans</a></h2>
          <Needs command="listBans" to="see who is held off or banned" />
          <Failure error={bans.error} />
          {bans.data?.total === 0 ? <Empty>Nobody is held off.</Empty> : null}
          <ul class="plain-list" aria-label="Bans">
            {bans.data?.bans.slice(0, TOP).map((ban, i) => (
              <li key={i}><Badge tone={ban.state === "banned" ? "bad" : "warn"}>{ban.state === "banned" ? "banned" : "held off"}</Badge> {whomOf(ban)} <span class="muted">for {lasting(ban.secondsLeft)}</span></li>
            ))}
          </ul>
          {(bans.data?.total ?? 0) > TOP ? <a href={to("bans")}>All {bans.data!.total}</a> : null}
        </section>
        <InForce />
      </div>
    </div>
  );
}

function Health({ alerts, bans }: { alerts: number | null; bans: number | null }): JSX.Element {
  const { rows: table, source } = numbers;
  const found = findings({
    number: (name) => table.last(name), growth: (name) => growth(table.series(name)), alerts, bans, modes: whoami.value?.modes ?? null,
  });
  const isKnown = source.value !== "none" && table.times.length > 0;
  const tone = found.some((it) => it.tone === "bad") ? "bad" : found.length > 0 ? "warn" : isKnown ? "good" : "plain";
  const title = found.length > 0 ? `${found.length === 1 ? "One thing needs" : `${found.length} things need`} a look`
    : isKnown ? "All is well" : source.value === "none" ? "Nothing is known to be wrong" : "Asking the broker…";
  return (
    <section class={`panel health health-${tone}`} aria-labelledby="health-title">
      <h2 id="health-title"><Icon name={tone === "good" || tone === "plain" ? "check" : "warn"} /> {title}</h2>
      {source.value !== "none" ? null : <p class="muted">This account may not read the broker's numbers, so much may be unseen.</p>}
      <ul class="plain-list">
        {found.map(({ text, part, tone }) => <li key={text}><a class={`tone-${tone}`} href={to(part)}>{text}</a></li>)}
      </ul>
    </section>
  );
}

function Tile({ title, value, children, part, tone, series }: {
  title: string; value: string; children?: ComponentChildren; part: string; tone: "accent" | "bad" | "warn" | "good"; series: Series;
}): JSX.Element {
  return (
    <a class="panel tile" href={to(part)}>
      <span class="tile-title">{title}</span>
      <strong class="tile-value">{value}</strong>
      <span class="muted tile-more">{children}</span>
      <Spark series={series} tone={tone} />
    </a>
  );
}

const last = (series: Series): number | null => series.values.at(-1) ?? null;
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

function Tiles(): JSX.Element | null {
  const { rows: table, source } = numbers;
  if (source.value === "none")
    return <Note>To see rates takes one of the scopes <code>read:sys</code>, <code>control:counters</code> and <code>control:history</code>; this account has none of them.</Note>;
  const rate = (name: string) => rateOf(table.series(name), GAP_MS);
  const grown = (series: Series) => `${new Intl.NumberFormat().format(growth(series))} in the last hour`;
  const sum = (name: string) => grown(table.series(name));
  const word = (series: Series, unit: Unit) => (table.times.length === 0 ? "…" : inWords(last(series), unit));
  const allRefused = sumOf(["publish/refused", "subscribe/refused", "connections/refused"].map((name) => table.series(name)));
  const refused = perMinute(allRefused, GAP_MS);
  return (
    <div class="tiles">
      <Tile title="Published" part="numbers" tone="accent" series={rate("publish/allowed")} value={word(rate("publish/allowed"), "/s")}>{sum("publish/allowed")}</Tile>
      <Tile title="Refused" part="refusals" tone="bad" series={refused} value={word(refused, "/min")}>{grown(allRefused)}</Tile>
      <Tile title="Delivered" part="numbers" tone="accent" series={rate("deliver/allowed")} value={word(rate("deliver/allowed"), "/s")}>{sum("deliver/allowed")}</Tile>
      <Tile title="Sessions known" part="numbers" tone="accent" series={table.series("sessions")} value={word(table.series("sessions"), "")}>{`gone ones included; ${refusedLogins(growth(table.series("connections/refused")))}`}</Tile>
      {table.last("journal/age") === null ? null
        : <Tile title="Oldest waiting write" part="numbers" tone="warn" series={table.series("journal/age")} value={word(table.series("journal/age"), "seconds")}>{`${inWords(table.last("journal/records"), "")} wait`}</Tile>}
    </div>
  );
}

function Reasons(): JSX.Element {
  const since = useMemo(() => Date.now() - HOUR_MS, []);
  const { counts, total, answer } = useCounts("reason", since, 8);
  const { source } = numbers;
  const isSeen = may("countRefusals") || refusals.feed.value === "on";
  const minutes = Math.max(1, Math.min(60, (Date.now() - (may("countRefusals") ? since : refusals.since.value)) / 60_000));
  return (
    <section class="panel" aria-labelledby="o-refusals">
      <h2 id="o-refusals"><a href={to("refusals")}>Refused by reason</a></h2>
      {isSeen && (answer.data || !may("countRefusals")) ? <p class="muted">{may("countRefusals") ? "In the last hour" : "Since this page was opened"}: {new Intl.NumberFormat().format(total)}{total / minutes >= 0.05 ? `, ${NUMBER.format(total / minutes)} a minute` : ""}.</p> : null}
      {may("countRefusals") && source.value !== "none" ? <p class="muted">Of those kept one by one, also what was only observed; the broker’s own count above has each refusal since it runs.</p> : null}
      <Needs command="countRefusals" to="count refusals that are kept" />
      <Failure error={answer.error} />
      {isSeen && (answer.data || !answer.isAsking && !answer.error) ? (
        <Bars label="Refusals by reason" none="Nothing was refused."
          bars={counts.map(({ value, count }) => ({
            key: value, label: <code>{value}</code>, title: reasonOf(value).title, count, href: href(["watch", "refusals"], { reason: value }),
          }))} />
      ) : null}
    </section>
  );
}

function InForce(): JSX.Element {
  const who = whoami.value;
  const start = startOf();
  const modes = Object.entries(who?.modes ?? {});
  return (
    <section class="panel" aria-labelledby="o-force">
      <h2 id="o-force"><a href={to("broker")}>What is in force</a></h2>
      <dl class="pairs">
        {who ? <><dt>Contract</dt><dd>{who.contract.title} {who.contract.version}<br /><code>{who.contract.digest?.slice(0, 16)}</code> since <Time at={who.contract.loaded} /></dd></> : null}
        <dt>Modes</dt>
        <dd class="row">{modes.map(([group, { mode, forced }]) => (
          <Badge key={group} tone={mode === "enforce" && !forced ? "good" : mode === "off" ? "bad" : "warn"}>{group}: {mode}{forced ? ", forced" : ""}</Badge>
        ))}</dd>
        <dt>Runs</dt>
        <dd>
          {who?.broker.name ? `${who.broker.name}: ` : ""}Mosquitto {who?.broker.version}, plugin {who?.broker.plugin}
          {start ? <>, for {lasting((Date.now() - start) / 1000)}</> : null}
        </dd>
      </dl>
    </section>
  );
}
