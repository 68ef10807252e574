// Numbers over time: what a plot shows of them. Counters become rates; gauges stay as they are.
export interface Series { times: number[]; values: (number | null)[] } // ms; null: not known then

/** How much a counter grew a second. Not known where it went back (the broker was started anew), or was not read for long. */
export function rateOf({ times, values }: Series, gapMs: number): Series {
  return {
    times,
    values: values.map((value, i) => {
      const before = i > 0 ? values[i - 1] : null;
      const ms = i > 0 ? times[i] - times[i - 1] : 0;
      if (value === null || before === null || ms <= 0 || ms > gapMs || value < before) return null;
      return (value - before) * 1000 / ms;
    }),
  };
}

/** Counters of the same times as one. Not known where one of them is not. */
export const sumOf = (all: Series[]): Series => ({
  times: all[0].times,
  values: all[0].times.map((_, i) => all.reduce<number | null>((sum, { values }) =>
    (sum === null || values[i] === null ? null : sum + values[i]!), 0)),
});

const MINUTE_MS = 60_000;

/** How much a counter grew within the minute before each time. Not known where nothing before it is. */
export function perMinute({ times, values }: Series, gapMs: number): Series {
  const grown: number[] = [0]; // up to each time, restarts left out
  const isKnown: boolean[] = [];
  let before = -1; // the last index that has a value
  values.forEach((value, i) => {
    const old = before >= 0 && times[i] - times[before] <= gapMs ? values[before] : null;
    isKnown.push(value !== null && old !== null && value >= old);
    grown.push(grown[i] + (isKnown[i] ? value! - old! : 0));
    if (value !== null) before = i;
  });
  let from = 0;
  return {
    times,
    values: values.map((_, i) => {
      while (times[from] <= times[i] - MINUTE_MS) from++;
      return isKnown[i] ? grown[i + 1] - grown[Math.max(from, 1)] : null;
    }),
  };
}

/** Was it 0 all the time, as far as it is known? */
export const isFlat = ({ values }: Series): boolean => values.every((value) => !value);

/** Rows of numbers at times: bounded, the oldest go. */
export class Table {
  times: number[] = [];
  private readonly columns = new Map<string, (number | null)[]>();

  /** @stepMs: of rows that are closer together than this the last is kept. */
  constructor(readonly most: number, readonly stepMs = 0) {}

  get names(): string[] {
    return [...this.columns.keys()];
  }

  /** Times only go forward: a row that is not newer than the last is left out. */
  add(time: number, row: Map<string, number>): void {
    if (time <= (this.times.at(-1) ?? -Infinity)) return;
    if (time - (this.times.at(-2) ?? -Infinity) < this.stepMs) {
      this.times.pop();
      for (const column of this.columns.values()) column.pop();
    }
    for (const name of row.keys())
      if (!this.columns.has(name)) this.columns.set(name, this.times.map(() => null));
    this.times.push(time);
    for (const [name, column] of this.columns) column.push(row.get(name) ?? null);
    if (this.times.length <= this.most) return;
    this.times.shift();
    for (const column of this.columns.values()) column.shift();
  }

  series(name: string): Series {
    return { times: this.times, values: this.columns.get(name) ?? this.times.map(() => null) };
  }

  last(name: string): number | null {
    return this.columns.get(name)?.at(-1) ?? null;
  }

  clear(): void {
    this.times = [];
    this.columns.clear();
  }
}

/** How much a counter grew over the whole series, restarts left out. */
export function growth(series: Series): number {
  let sum = 0;
  let before: number | null = null;
  for (const value of series.values) {
    if (value === null) continue;
    if (before !== null && value > before) sum += value - before;
    before = value;
  }
  return sum;
}

/** Round numbers from 0 to @max or a little more, 3 to 5 of them. @isWhole: no halves. */
export function ticks(max: number, isWhole: boolean): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((it) => it * power)
    .find((it) => it >= rough * 0.999 && !(isWhole && it >= 1 && it % 1)) ?? 10 * power;
  const used = isWhole ? Math.max(1, step) : step;
  const count = Math.ceil(max / used - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * used).toPrecision(6)));
}

/** At most @most points, of each group the highest, so that no peak is lost. */
export function thin({ times, values }: Series, most: number): Series {
  const group = Math.ceil(times.length / most);
  if (group <= 1) return { times, values };
  const thinned: Series = { times: [], values: [] };
  for (let i = 0; i < times.length; i += group) {
    let at = i;
    for (let j = i; j < Math.min(i + group, times.length); j++)
      if ((values[j] ?? -Infinity) > (values[at] ?? -Infinity)) at = j;
    thinned.times.push(times[at]);
    thinned.values.push(values[at]);
  }
  return thinned;
}

const FEW = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const MANY = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export type Unit = "" | "/s" | "/min" | "bytes" | "seconds" | "share";

/** A number with its unit, as one reads it. */
export function inWords(value: number | null, unit: Unit): string {
  if (value === null) return "not known";
  switch (unit) {
    case "bytes":
      return bytes(value);
    case "seconds":
      return value < 1 && value > 0 ? `${MANY.format(value * 1000)} ms` : value < 120 ? `${FEW.format(value)} s` : lasting(value);
    case "share":
      return `${FEW.format(value * 100)} %`;
    case "/s":
      return `${(value < 100 ? FEW : MANY).format(value)} a second`;
    case "/min":
      return `${(value < 100 ? FEW : MANY).format(value)} a minute`;
    default:
      return MANY.format(value);
  }
}

/** The same, for an axis. */
export function onAxis(value: number, unit: Unit): string {
  if (unit === "bytes") return bytes(value);
  if (unit === "seconds") return value < 120 ? `${FEW.format(value)} s` : lasting(value);
  if (unit === "share") return `${FEW.format(value * 100)} %`;
  return value >= 10_000 ? SHORT.format(value) : FEW.format(value);
}

export function bytes(value: number): string {
  if (value < 1000) return `${MANY.format(value)} B`;
  for (const [size, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]] as const)
    if (value >= size) return `${FEW.format(value / size)} ${name}`;
  return "";
}

/** "3 days 4 h": the two largest units. */
export function lasting(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const [d, h, m] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return `${d} ${d === 1 ? "day" : "days"}${h ? ` ${h} h` : ""}`;
  if (h > 0) return `${h} h${m ? ` ${m} min` : ""}`;
  if (m > 0) return `${m} min${s % 60 && m < 10 ? ` ${s % 60} s` : ""}`;
  return `${s} s`;
}
