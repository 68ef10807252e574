// Pages of a list, one after the other.
import type { CommandError } from "../broker/command-error";

export const LIMIT = 50;
const EMPTY_MAX = 30; // pages without anything that are followed by the next one by themselves; each took a second or so

const AGAIN_MAX = 20; // pages that are asked for again by themselves

export interface Paged { next: string | null }

export interface Step<P> {
  page: P;
  isFirst: boolean; // of the list
  empty: number; // pages that had nothing, one after the other, where the end has not come yet
  isGoingOn: boolean; // the next page is asked for by itself
}

/**
 * Asks for the page behind @after, and for the next one where it has nothing that the account may
 * see. A page that is too large is asked for in halves. @show returns false where nobody wants more.
 */
export async function follow<P extends Paged>(
  ask: (limit: number, after: string | null) => Promise<P>, rowsOf: (page: P) => unknown[],
  after: string | null, show: (step: Step<P>) => boolean,
): Promise<void> {
  let [limit, empty, at] = [LIMIT, 0, after];
  for (;;) {
    let page: P;
    try {
      page = await ask(limit, at);
    } catch (error) {
      if ((error as CommandError).code !== "too-large" || limit === 1) throw error;
      limit = Math.floor(limit / 2);
      continue;
    }
    empty = rowsOf(page).length === 0 && page.next !== null ? empty + 1 : 0;
    const isGoingOn = empty > 0 && empty < EMPTY_MAX;
    if (!show({ page, isFirst: at === null, empty, isGoingOn }) || !isGoingOn) return;
    at = page.next;
  }
}

/** What is known of a list. @empty: pages that had nothing, one after the other, and the end has not come yet. */
export interface Known<Row, P> { rows: Row[]; empty: number; first: P | null; next: string | null; error: CommandError | null; isAsking: boolean }

export const nothing = <Row, P>(): Known<Row, P> => ({ rows: [], empty: 0, first: null, next: null, error: null, isAsking: false });

/**
 * A list that is asked for page by page. It counts the pages that are wanted: where it is asked for
 * anew while a further page is on its way (after a reconnection), that page still comes.
 */
export class Pager<Row, P extends Paged> {
  known: Known<Row, P> = nothing();
  private run = 0; // answers to earlier ones are not taken
  private wanted = 1; // pages
  private have = 0;
  private ask: (limit: number, after: string | null) => Promise<P> = () => Promise.reject(new Error("begin() comes first"));

  /** @show is called with each change. */
  constructor(private readonly rowsOf: (page: P) => Row[], private readonly show: (known: Known<Row, P>) => void) {}

  /**
   * Asks from the start. @how: "other", another list; "anew", its first page only; "again", as far
   * as it is known. What is known stays until as much has come, but for another list.
   */
  begin(how: "other" | "anew" | "again", ask: (limit: number, after: string | null) => Promise<P>): void {
    this.ask = ask;
    this.wanted = how === "again" ? Math.min(this.wanted, AGAIN_MAX) : 1;
    if (how === "other") this.known = nothing();
    void this.fetch(null);
  }

  /** One page more, where there is one. */
  more(): void {
    if (this.known.isAsking) {
      this.wanted++;
    } else if (this.known.next !== null) {
      this.wanted = this.have + 1;
      void this.fetch(this.known.next);
    }
  }

  /** Nobody looks any more. */
  end(): void {
    this.run++;
  }

  private async fetch(from: string | null): Promise<void> {
    const mine = ++this.run;
    let [rows, have, first, after]: [Row[], number, P | null, string | null] = from === null ? [[], 0, null, null] : [this.known.rows, this.have, this.known.first, from];
    const take = ({ page, empty, isGoingOn }: Step<P>): boolean => {
      if (mine !== this.run) return false;
      rows = [...rows, ...this.rowsOf(page)];
      first ??= page;
      after = page.next;
      if (!isGoingOn) have++;
      const isAsking = isGoingOn || (have < this.wanted && after !== null);
      if (isAsking && rows.length < this.known.rows.length) return true;
      this.have = have;
      this.change({ rows, first, empty, next: after, error: null, isAsking });
      return true;
    };
    this.change({ isAsking: true, error: null });
    try {
      do await follow<P>(this.ask, this.rowsOf, after, take);
      while (mine === this.run && this.known.isAsking);
    } catch (error) {
      if (mine === this.run) this.change({ error: error as CommandError, isAsking: false });
    }
  }

  private change(to: Partial<Known<Row, P>>): void {
    this.known = { ...this.known, ...to };
    this.show(this.known);
  }
}
