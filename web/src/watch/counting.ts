// Counts by a key, of any number of things and with bounded memory.
export interface Count { value: string; count: number; first: number; last: number } // ms

const KEYS_MAX = 500; // counted one by one; what comes with further keys is counted as "others"

export class Tally {
  private readonly counts = new Map<string, Count>();
  others = 0;
  total = 0;

  add(value: string, at: number, by = 1): void {
    this.total += by;
    const found = this.counts.get(value);
    if (found) {
      found.count += by;
      found.first = Math.min(found.first, at);
      found.last = Math.max(found.last, at);
    } else if (this.counts.size < KEYS_MAX) {
      this.counts.set(value, { value, count: by, first: at, last: at });
    } else {
      this.others += by;
    }
  }

  /** The @most largest, largest first. */
  top(most: number): Count[] {
    return [...this.counts.values()].sort(larger).slice(0, most);
  }
}

const larger = (a: Count, b: Count): number => b.count - a.count || b.last - a.last || a.value.localeCompare(b.value);

/** What was counted there and what was counted here since, as one list. Neither is changed. */
export function addUp(there: Count[], here: Count[], most: number): Count[] {
  const sums = new Map(there.map((count) => [count.value, { ...count }]));
  for (const count of here) {
    const sum = sums.get(count.value);
    if (!sum) {
      sums.set(count.value, { ...count });
      continue;
    }
    sum.count += count.count;
    sum.first = Math.min(sum.first, count.first);
    sum.last = Math.max(sum.last, count.last);
  }
  return [...sums.values()].sort(larger).slice(0, most);
}

/** The newest of things, at most @most of them; older ones are dropped and counted. Newest first. */
export class Newest<Thing> {
  items: Thing[] = [];
  dropped = 0;

  constructor(readonly most: number) {}

  /** @added: in the order in which they came. Makes a new list, so that who holds the old one keeps it. */
  add(added: Thing[]): void {
    const all = added.slice(-this.most).reverse().concat(this.items);
    this.dropped += added.length + this.items.length - Math.min(all.length, this.most);
    this.items = all.length > this.most ? all.slice(0, this.most) : all;
  }

  clear(): void {
    this.items = [];
    this.dropped = 0;
  }
}
