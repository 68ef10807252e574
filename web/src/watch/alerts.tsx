// Alerts: those that are active, and those that come and go.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { href } from "../app/route";
import { contract, may } from "../app/session";
import { alertOf } from "../contract/reference";
import { Badge, Empty, Note, Time } from "../ui/basics";
import { Failure, Needs, sentence, useAnswer, type Answer } from "./ask";
import { alerts } from "./live";
import { LiveBadge, Said } from "./livebadge";
import { Prose } from "./prose";
import { lasting } from "./series";
import type { Alert } from "./types";
import { to } from "./where";

const ROUND_MS = 15_000;
const SHOWN = 100;

const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

const RESPONSES = {
  report: "Nothing was done but to report it.",
  limit: "It may send one message a second",
  disconnect: "The client was disconnected, and is held off",
  ban: "It is banned",
};

/** Those that are active: asked for now and then, and when one comes or goes. */
export function useActiveAlerts(): Answer<{ alerts: Alert[] }> {
  const answer = useAnswer<{ alerts: Alert[] }>("listAlerts", {}, ROUND_MS);
  const newest = alerts.rows.value[0];
  useEffect(() => {
    if (newest) answer.again();
  }, [newest]);
  return answer;
}

function evidence({ kind, evidence: { count, threshold, windowSeconds, observed, expected } }: Alert): string {
  const numbers = observed === undefined || expected === undefined ? ""
    : kind === "clock-skew" ? `; the last one ${lasting(Math.abs(observed))} ${observed < 0 ? "in the past" : "in the future"}`
    : `; ${NUMBER.format(observed)} where ${NUMBER.format(expected)} is usual`;
  return `${NUMBER.format(count)} counted, ${NUMBER.format(threshold)} within ${lasting(windowSeconds)} raise it${numbers}`;
}

export function whoOf(alert: Alert): string {
  const parts = [
    alert.principal ? `user ${alert.principal}` : "",
    alert.clientId ? `client ${alert.clientId}` : "",
    alert.address ? `from ${alert.address}` : "",
    alert.where ? `on ${alert.where}` : "",
    alert.otherPrincipal ? `before of user ${alert.otherPrincipal}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

function AlertCard({ alert }: { alert: Alert }): JSX.Element {
  const kind = alertOf(alert.kind);
  const isRaised = alert.state === "raised";
  return (
    <li class="panel alert-card">
      <p class="alert-head">
        <Badge tone={isRaised ? "warn" : "good"}>{isRaised ? alert.kind : `${alert.kind}: over`}</Badge>{" "}
        <strong>{alert.title}</strong> <span class="muted"><Time at={alert.time} /></span>
      </p>
      <p>{whoOf(alert) || "nobody in particular"}{alert.detail ? <>: <code>{alert.detail}</code></> : null}</p>
      <p class="muted">
        {evidence(alert)}.{" "}
        {RESPONSES[alert.response]}{alert.responseSeconds ? ` for ${lasting(alert.responseSeconds)}.` : alert.response === "report" ? "" : "."}
        {alert.lastedSeconds !== undefined ? ` It lasted ${lasting(alert.lastedSeconds)}.` : ""}
      </p>
      {isRaised && kind.todo ? <p><strong>What to do:</strong> <Prose text={sentence(kind.todo)} /></p> : null}
      <EntityLink where={alert.where} />
      {alert.kind === "refusal-streak" && alert.clientId
        ? <a href={href(["watch", "refusals"], { client: alert.clientId, ...(alert.detail ? { reason: alert.detail } : {}) })}>Its refusals</a> : null}
    </li>
  );
}

/** Where the alert is about an entity: "order ord-1001". */
function EntityLink({ where = "" }: { where?: string }): JSX.Element | null {
  const [entity, id] = where.split(/ (.*)/s);
  if (!id || !contract.value?.entities.some(({ name }) => name === entity)) return null;
  return <a href={to("entities", entity, id)}>Look {where} up</a>;
}

export function Alerts(): JSX.Element {
  const active = useActiveAlerts();
  const feed = alerts.feed.value;
  const came = alerts.rows.value;
  if (feed === "no" && !may("listAlerts"))
    return <Note>To see alerts takes the scope that the contract has for reading <code>alerts/…</code>, or <code>control:listAlerts</code>; this account has neither.</Note>;
  const list = active.data?.alerts ?? [];
  return (
    <div class="two-wide">
      <section aria-labelledby="active-title">
        <div class="row"><h2 id="active-title">Active</h2>{active.data ? <Badge tone={list.length > 0 ? "warn" : "good"}>{list.length}</Badge> : null}</div>
        <Needs command="listAlerts" to="see which alerts are active" />
        <Failure error={active.error} />
        {active.data && list.length === 0 ? <Empty>No alert is active.</Empty> : null}
        <ul class="cards" aria-label="Active alerts">{list.map((alert, i) => <AlertCard key={`${alert.kind} ${alert.time} ${i}`} alert={alert} />)}</ul>
      </section>
      <section aria-labelledby="came-title">
        <div class="row"><h2 id="came-title">As they come</h2><LiveBadge isOn={feed === "on"} /><Said total={came.length + alerts.dropped.value} what={(count) => `${count} alerts came`} /></div>
        {feed === "on" ? null : <Note>This account may not read <code>alerts/#</code>: active ones are asked for every {ROUND_MS / 1000} seconds.</Note>}
        {feed === "on" && came.length === 0 ? <Empty>None was raised or cleared since this page was opened.</Empty> : null}
        <ul class="cards" aria-label="Alerts that came">{came.slice(0, SHOWN).map((alert, i) => <AlertCard key={`${alert.kind} ${alert.time} ${came.length - i}`} alert={alert} />)}</ul>
        {came.length > SHOWN ? <Note>The newest {SHOWN} are shown.</Note> : null}
      </section>
    </div>
  );
}
