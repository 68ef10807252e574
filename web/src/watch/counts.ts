// Refusals counted: what the broker has counted, and what came since.
import { useEffect, useMemo } from "preact/hooks";
import type { CountRow } from "../broker/commands";
import { useAnswer, type Answer } from "./ask";
import { addUp, type Count } from "./counting";
import { refusals, tallyOf, type RefusalKey } from "./live";

const ROUND_MS = 30_000; // asked anew, at the latest
const SOON_MS = 3_000; // and after some came: by then the database has them
const COUNTED = 200; // as many as there may be in an answer

const COLUMNS: Record<RefusalKey, string> = { reason: "reason", client: "client_id", topic: "topic", principal: "principal" };

const toCount = (row: CountRow): Count => ({ value: row.value, count: row.count, first: Date.parse(row.first), last: Date.parse(row.last) });

/** @since: ms; 0: all that is kept. The @most largest, and the sum of all that are counted. */
export function useCounts(key: RefusalKey, since: number, most: number): { counts: Count[]; total: number; answer: Answer<{ rows: CountRow[] }> } {
  const members = useMemo(() => ({
    by: COLUMNS[key], limit: COUNTED, ...(since ? { since: new Date(since).toISOString() } : {}),
  }), [key, since]);
  const answer = useAnswer<{ rows: CountRow[] }>("countRefusals", members, ROUND_MS);
  const came = refusals.total.value;
  const isNew = answer.at > 0 && (refusals.rows.value[0]?.time ?? 0) > answer.at - SOON_MS;
  useEffect(() => {
    if (!isNew) return;
    const timer = setTimeout(answer.again, SOON_MS);
    return () => clearTimeout(timer);
  }, [isNew, answer.at]);
  const all = useMemo(() => {
    const there = answer.data?.rows.map(toCount) ?? [];
    const here = tallyOf(refusals.rows.value, key, Math.max(answer.data ? answer.at : 0, since));
    return addUp(there, here.top(COUNTED), 2 * COUNTED);
  }, [answer.data, came, key, since]);
  return { counts: all.slice(0, most), total: all.reduce((sum, { count }) => sum + count, 0), answer };
}
