// A state machine, drawn: dagre says what stands where. Where one looks at an entity, its present
// status and the steps that it took are marked.
import { Graph, layout } from "@dagrejs/dagre";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Machine } from "../contract/machines";
import "./diagram.css";

const CHAR = 8; // px that a letter of the label takes, at most
const LABEL_CHAR = 6.6;
const HEIGHT = 34;
const HEIGHT_TIMED = 46; // with a line below the name
const START = "\u0000start"; // no status is called so

interface Point { x: number; y: number }
interface Box { name: string; x: number; y: number; width: number; height: number }
interface Arrow { from: string | null; to: string; needs: string; points: Point[]; label: Point | null }
interface Drawing { width: number; height: number; boxes: Box[]; arrows: Arrow[] }

const wordsOf = (scope: string | null): string => (scope ? `needs ${scope}` : "");

function draw(machine: Machine, times: Map<string, string> | undefined): Drawing {
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: machine.states.length > 12 ? "LR" : "TB", nodesep: 44, ranksep: 46, edgesep: 18, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  graph.setNode(START, { width: 14, height: 14 });
  for (const name of machine.states) graph.setNode(name, {
    width: Math.max(64, name.length * CHAR + 24, (times?.get(name)?.length ?? 0) * LABEL_CHAR + 20), height: times ? HEIGHT_TIMED : HEIGHT,
  });
  for (const { from, to, scope } of machine.steps) {
    const label = wordsOf(scope);
    graph.setEdge(from ?? START, to, label
      ? { label, width: label.length * LABEL_CHAR + 8, height: 16, labelpos: "c" } : {});
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width, height,
    boxes: graph.nodes().map((name: string) => ({ name, ...(graph.node(name) as unknown as Omit<Box, "name">) })),
    arrows: machine.steps.map(({ from, to, scope }) => {
      const edge = graph.edge(from ?? START, to) as unknown as { points: Point[]; x?: number; y?: number };
      return { from, to, needs: wordsOf(scope), points: edge.points, label: scope && edge.x !== undefined ? { x: edge.x, y: edge.y! } : null };
    }),
  };
}

// Through the points, with rounded corners.
function path(points: Point[]): string {
  const [first, ...rest] = points;
  let d = `M${first.x},${first.y}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const [a, b] = [rest[i], rest[i + 1]];
    d += `Q${a.x},${a.y} ${(a.x + b.x) / 2},${(a.y + b.y) / 2}`;
  }
  const last = rest[rest.length - 1];
  return `${d}L${last.x},${last.y}`;
}

// At the end of a line: drawn, since a marker takes no colour from its line.
function head(points: Point[]): string {
  const [a, b] = points.slice(-2);
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [dx, dy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const at = (back: number, side: number) => `${b.x - dx * back - dy * side},${b.y - dy * back + dx * side}`;
  return `M${b.x},${b.y}L${at(9, 4.5)}L${at(9, -4.5)}Z`;
}

export interface Taken { from: string | null; to: string }

/** @current is marked as where it is, @taken as the way that it went; @times: what stands below a status. */
export function Diagram({ machine, current, taken = [], times }: {
  machine: Machine; current?: string; taken?: Taken[]; times?: Map<string, string>;
}): JSX.Element {
  const { width, height, boxes, arrows } = useMemo(() => draw(machine, times), [machine, times]);
  const scope = machine.steps.find((step) => step.scope)?.scope; // one to explain it with
  const went = (from: string | null, to: string) => taken.some((step) => step.from === from && step.to === to);
  return (
    <div class="diagram" role="region" aria-label={`Diagram of ${machine.name}`} tabIndex={0}>
      <svg viewBox={`0 0 ${Math.ceil(width)} ${Math.ceil(height)}`} width={Math.ceil(width)} height={Math.ceil(height)}
        role="img" aria-label={`State machine ${machine.name}: ${machine.states.length} statuses, ${machine.steps.length} steps. ${times ? "The list below has the steps that it took." : "The table below says the same."}${current ? ` It is ${current} now.` : ""}`}>
        {arrows.map(({ from, to, points }) => (
          <g key={`${from}>${to}`} class={went(from, to) ? "arrow went" : "arrow"}>
            <path class="line" d={path(points)} />
            <path class="head" d={head(points)} />
          </g>
        ))}
        {boxes.map(({ name, x, y, width, height }) => name === START
          ? <circle key={name} class="start" cx={x} cy={y} r={7} />
          : (
            <g key={name} class={`state${machine.final.includes(name) ? " final" : ""}${name === current ? " current" : ""}`}>
              <rect x={x - width / 2} y={y - height / 2} width={width} height={height} rx={8} />
              {machine.final.includes(name)
                ? <rect class="inner" x={x - width / 2 + 3.5} y={y - height / 2 + 3.5} width={width - 7} height={height - 7} rx={5} /> : null}
              <text x={x} y={times?.has(name) ? y - 7 : y} dominant-baseline="central" text-anchor="middle">{name}</text>
              {times?.has(name) ? <text class="state-time" x={x} y={y + 9} dominant-baseline="central" text-anchor="middle">{times.get(name)}</text> : null}
            </g>
          ))}
        {arrows.map(({ from, to, needs, label }) => label ? (
          <g key={`${from}>${to}`} class="label">
            <rect x={label.x - needs.length * LABEL_CHAR / 2 - 3} y={label.y - 8} width={needs.length * LABEL_CHAR + 6} height={16} rx={4} />
            <text x={label.x} y={label.y} dominant-baseline="central" text-anchor="middle">{needs}</text>
          </g>
        ) : null)}
      </svg>
      <p class="diagram-key muted">
        <svg width="14" height="14" aria-hidden="true"><circle class="start" cx="7" cy="7" r="6" /></svg> begins here
        {machine.final.length > 0 ? <><svg width="22" height="14" aria-hidden="true" class="state final"><rect x="1" y="1" width="20" height="12" rx="4" /><rect class="inner" x="3.5" y="3.5" width="15" height="7" rx="2" /></svg> final</> : null}
      </p>
      {scope ? (
        <p class="diagram-key muted">
          <span>A line without words: who may publish the status takes this step.{" "}
            <em>needs {scope}</em>: who has the scope <code>{scope}</code> takes it, and who has <code>{scope}:own</code> takes it for what is its own.</span>
        </p>
      ) : null}
    </div>
  );
}
