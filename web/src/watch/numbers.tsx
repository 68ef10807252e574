// The numbers of $SYS/broker/petstore/ over the last hour.
import type { JSX } from "preact";
import { whoami } from "../app/session";
import { Empty, Note } from "../ui/basics";
import { sentence } from "./ask";
import { groupsOf, type GroupOf, type PlotOf } from "./groups";
import { numbers } from "./live";
import { Plot, type Line } from "./plot";
import { isFlat, perMinute, rateOf } from "./series";

export const GAP_MS = 60_000; // between two readings: a longer one makes no rate

const ORIGIN = {
  waiting: "",
  none: "",
  topics: "The last hour as the broker kept it, then live from $SYS/broker/petstore/#.",
  counters: "The last hour as the broker kept it, then read every 10 seconds.",
  history: "As the broker keeps it, read once a minute.",
};

const linesOf = (plot: PlotOf): Line[] => plot.lines.map(({ topic, name, tone }) => {
  const series = numbers.rows.series(topic);
  return { name, tone, series: !plot.isRate ? series : plot.unit === "/min" ? perMinute(series, GAP_MS) : rateOf(series, GAP_MS) };
});

/** Plots, and in a sentence those of which there was nothing. */
function Group({ group: { title, plots } }: { group: GroupOf }): JSX.Element {
  const drawn = plots.map((plot) => ({ plot, lines: linesOf(plot) }));
  const quiet = drawn.filter(({ lines }) => lines.every(({ series }) => isFlat(series)));
  return (
    <section class="numbers-group" aria-label={title}>
      <h2>{title}</h2>
      <div class="plots">
        {drawn.filter((it) => !quiet.includes(it)).map(({ plot, lines }) => <Plot key={plot.title} title={plot.title} help={plot.help} unit={plot.unit} lines={lines} />)}
      </div>
      {quiet.length > 0 ? <p class="quiet muted">0 all the time: {quiet.map(({ plot }, i) => <span key={plot.title} title={plot.help}>{i ? ", " : ""}{plot.title.toLowerCase()}</span>)}.</p> : null}
    </section>
  );
}

export function Numbers(): JSX.Element {
  const source = numbers.source.value;
  if (source === "none" && whoami.value && !numbers.trouble.value)
    return <Note>To see numbers takes one of the scopes <code>read:sys</code>, <code>control:counters</code> and <code>control:history</code>; this account has none of them.</Note>;
  const groups = groupsOf(numbers.rows.names);
  return (
    <>
      {numbers.trouble.value ? <Note tone="bad">{sentence(numbers.trouble.value)}</Note> : null}
      <p class="muted">{ORIGIN[source]} Point at a plot, or focus it and use the arrow keys, to read its values.</p>
      {groups.length === 0 ? <Empty>No numbers yet: the broker takes them every 10 seconds.</Empty> : null}
      {groups.map((group) => <Group key={group.title} group={group} />)}
    </>
  );
}
