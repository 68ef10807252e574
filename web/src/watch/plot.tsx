// Numbers over the last hour as lines, drawn as SVG. One reads a value by pointing at it or, with
// the plot focused, with the arrow keys; and all of them as a table.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { inWords, onAxis, thin, ticks, type Series, type Unit } from "./series";

export interface Line { name: string; series: Series; tone: "accent" | "bad" | "warn" | "good" }

const HOUR_MS = 3_600_000;
const HEIGHT = 120;
const LEFT = 46;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 18;
const TABLE_ROWS = 60;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** The width that there is, so that lines and letters are as thick and large as anywhere. */
function useWidth(least: number): [{ current: HTMLDivElement | null }, number] {
  const at = useRef<HTMLDivElement>(null);
  const [width, set] = useState(360);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => set(Math.max(least, Math.round(entry.contentRect.width))));
    observer.observe(at.current!);
    return () => observer.disconnect();
  }, []);
  return [at, width];
}

/** Pieces of line: a value that is not known parts them. */
function pathOf(series: Series, x: (time: number) => number, y: (value: number) => number): string {
  let path = "";
  let isDown = false;
  series.values.forEach((value, i) => {
    if (value === null) {
      isDown = false;
      return;
    }
    path += `${isDown ? "L" : "M"}${x(series.times[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    // One alone would not be seen.
    if (!isDown && (series.values[i + 1] ?? null) === null) path += "h1.5";
    isDown = true;
  });
  return path;
}

const largest = (lines: Line[]): number => Math.max(0, ...lines.flatMap(({ series }) => series.values.map((value) => value ?? 0)));
const lastOf = (series: Series): number | null => {
  for (let i = series.values.length - 1; i >= 0; i--) if (series.values[i] !== null) return series.values[i];
  return null;
};

export function Plot({ title, help, lines, unit }: { title: string; help?: string; lines: Line[]; unit: Unit }): JSX.Element {
  const [at, width] = useWidth(160);
  const [cursor, setCursor] = useState<number | null>(null); // index of a time
  const times = lines[0]?.series.times ?? [];
  const end = times.at(-1) ?? Date.now();
  const start = end - HOUR_MS;
  const scale = ticks(largest(lines), unit === "");
  const top = scale.at(-1)!;
  const x = (time: number) => LEFT + (time - start) * (width - LEFT - RIGHT) / HOUR_MS;
  const y = (value: number) => HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM) / top;
  const step = width < 300 ? 1_800_000 : 900_000;
  const marks: number[] = [];
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) marks.push(time);
  const index = cursor === null ? times.length - 1 : Math.min(cursor, times.length - 1);
  const said = times.length === 0 ? "no numbers yet"
    : `${EXACT.format(times[index])}: ${lines.map(({ name, series }) => `${name} ${inWords(series.values[index] ?? null, unit)}`).join(", ")}`;

  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const time = start + (event.clientX - box.left - LEFT) * HOUR_MS / (width - LEFT - RIGHT);
    let best = 0;
    for (let i = 1; i < times.length; i++) if (Math.abs(times[i] - time) < Math.abs(times[best] - time)) best = i;
    setCursor(times.length > 0 ? best : null);
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || times.length === 0) return;
    event.preventDefault();
    setCursor(Math.max(0, Math.min(times.length - 1, index + by)));
  };
  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-title" title={help}>{title}</span>
        <span class="plot-now">
          {lines.map(({ name, series, tone }) => (
            <span key={name} class={`plot-value tone-${tone}`}>
              {lines.length > 1 ? <span class="plot-name">{name}</span> : null}
              <strong>{inWords(cursor === null ? lastOf(series) : series.values[index] ?? null, unit)}</strong>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={at} class="plot-area" tabIndex={0} role="slider" aria-label={`${title}, the last hour`} aria-valuemin={0}
        aria-valuemax={Math.max(0, times.length - 1)} aria-valuenow={Math.max(0, index)} aria-valuetext={said}
        onKeyDown={key} onBlur={() => setCursor(null)}>
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true"
          onPointerMove={point} onPointerDown={point} onPointerLeave={() => setCursor(null)}>
          {scale.map((value, i) => (
            <g key={value}>
              <line class={i === 0 ? "plot-base" : "plot-grid"} x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
              {scale.length <= 4 || i % 2 === 0 || i === scale.length - 1 && scale.length % 2 === 1
                ? <text class="plot-mark" x={LEFT - 5} y={y(value) + 3.5} text-anchor="end">{onAxis(value, unit)}</text> : null}
            </g>
          ))}
          {marks.map((time) => <text key={time} class="plot-mark" x={x(time)} y={HEIGHT - 4} text-anchor="middle">{CLOCK.format(time)}</text>)}
          {lines.map(({ name, series, tone }) => (
            <path key={name} class={`plot-line tone-${tone}`} d={pathOf(thin(series, Math.max(60, width)), x, y)} />
          ))}
          {cursor !== null && times[index] !== undefined ? (
            <g>
              <line class="plot-cursor" x1={x(times[index])} x2={x(times[index])} y1={TOP} y2={HEIGHT - BOTTOM} />
              {lines.map(({ name, series, tone }) => series.values[index] === null || series.values[index] === undefined ? null
                : <circle key={name} class={`plot-dot tone-${tone}`} cx={x(times[index])} cy={y(series.values[index])} r="3.5" />)}
            </g>
          ) : null}
        </svg>
      </div>
      <p class="plot-said" aria-hidden="true">{cursor === null ? "" : EXACT.format(times[index])}</p>
      <AsTable title={title} lines={lines} unit={unit} />
    </figure>
  );
}

function AsTable({ title, lines, unit }: { title: string; lines: Line[]; unit: Unit }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const thinned = isOpen ? lines.map(({ series }) => thin(series, TABLE_ROWS)) : [];
  const times = thinned[0]?.times ?? [];
  return (
    <details class="plot-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Table<span class="offscreen"> of {title}</span></summary>
      {isOpen ? (
        <div class="scroll plot-rows" tabIndex={0} role="region" aria-label={`${title} as a table`}>
          <table>
            <thead><tr><th scope="col">Time</th>{lines.map(({ name }) => <th key={name} scope="col">{name}</th>)}</tr></thead>
            <tbody>
              {times.map((time, i) => (
                <tr key={time}>
                  <td>{EXACT.format(time)}</td>
                  {thinned.map(({ values }, line) => <td key={line}>{values[i] === null ? "–" : inWords(values[i], unit)}</td>)}
                </tr>
              )).reverse()}
            </tbody>
          </table>
        </div>
      ) : null}
    </details>
  );
}

/** A line without axes, for a tile. */
export function Spark({ series, tone }: { series: Series; tone: Line["tone"] }): JSX.Element {
  const [at, width] = useWidth(1); // what is wider than its tile is cut off where the newest is
  const end = series.times.at(-1) ?? 0;
  const high = Math.max(largest([{ name: "", series, tone }]), 1e-9);
  const x = (time: number) => width - (end - time) * width / HOUR_MS;
  return (
    <div ref={at} class="spark">
      <svg width={width} height="36" viewBox={`0 0 ${width} 36`} aria-hidden="true">
        <path class={`plot-line tone-${tone}`} d={pathOf(thin(series, Math.max(60, width)), x, (value) => 33 - value * 29 / high)} />
      </svg>
    </div>
  );
}
