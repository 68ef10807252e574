// Pages of a list, one after the other.
import type { CommandError } from "../broker/command-error";

export const LIMIT = 50;
const EMPTY_MAX = 30; // pages without anything that are followed by the next one by themselves; each took a second or so

interface Paged { next: string | null }

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
