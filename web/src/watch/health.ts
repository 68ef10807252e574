// What an operator has to know first, in sentences.
import type { Group, Mode } from "../broker/commands";

export interface Fact { tone: "bad" | "warn"; text: string; part: string } // part: of the view that tells more

export interface Facts {
  number: (name: string) => number | null; // the last one
  growth: (name: string) => number; // over the last hour
  alerts: number | null;
  bans: number | null;
  modes: Record<Group, { mode: Mode; forced: boolean }> | null;
}

const AGE_LATE_S = 5;
const many = (count: number, one: string, more: string): string => (count === 1 ? `One ${one}` : `${count} ${more}`);

/** What is not well, worst first. Nothing: all that is known is well. */
export function findings({ number, growth, alerts, bans, modes }: Facts): Fact[] {
  const found: Fact[] = [];
  const add = (isSo: boolean, tone: Fact["tone"], part: string, text: string) => {
    if (isSo) found.push({ tone, text, part });
  };
  const age = number("journal/age") ?? 0;
  add(age > AGE_LATE_S, "bad", "numbers", `The database is ${Math.round(age)} seconds behind: accepted writes wait in the journal.`);
  add((number("store/power_refused") ?? 0) > 0, "bad", "numbers", "Channels of durability power are refused: the disk does not keep up.");
  const known = number("brokers/known") ?? 0;
  const alive = number("brokers/alive") ?? known;
  add(alive < known, "bad", "broker", `${many(known - alive, "broker of the shared database is", "brokers of the shared database are")} not there.`);
  const failed = growth("reload_failures");
  add(failed > 0, "warn", "broker", `${many(failed, "reload", "reloads")} failed within the last hour; what was in force still is.`);
  const errors = growth("store/errors");
  add(errors > 0, "warn", "numbers", `${many(errors, "transaction", "transactions")} failed at the first try within the last hour.`);
  for (const [group, { mode, forced }] of Object.entries(modes ?? {})) {
    add(mode === "off", "warn", "broker", `The contract's ${group} part is not checked${forced ? ", by a command" : ""}.`);
    add(mode === "observe", "warn", "broker", `The contract's ${group} part is only observed${forced ? ", by a command" : ""}: nothing is refused for it.`);
    add(mode === "enforce" && forced, "warn", "broker", `The contract's ${group} part is enforced by a command, until the next reload.`);
  }
  add((alerts ?? 0) > 0, "warn", "alerts", `${many(alerts ?? 0, "alert is", "alerts are")} active.`);
  add((bans ?? 0) > 0, "warn", "bans", `${many(bans ?? 0, "client or user is", "clients or users are")} held off or banned.`);
  add((number("retained/repairing") ?? 0) > 0, "warn", "numbers", "What the broker retains is being compared with the database.");
  return found.sort((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad"));
}
