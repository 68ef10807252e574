// Which numbers there are, in which order, and how each is called (plugin/monitor/metrics.c).
import type { Unit } from "./series";

export interface LineOf { topic: string; name: string; tone: "accent" | "bad" | "warn" | "good" }
export interface PlotOf { title: string; help: string; unit: Unit; isRate: boolean; lines: LineOf[] }
export interface GroupOf { title: string; plots: PlotOf[] }

const ok = (topic: string, name: string): LineOf => ({ topic, name, tone: "accent" });
const bad = (topic: string, name: string): LineOf => ({ topic, name, tone: "bad" });
const warn = (topic: string, name: string): LineOf => ({ topic, name, tone: "warn" });

export const GROUPS: GroupOf[] = [
  {
    title: "Messages",
    plots: [
      { title: "Published", help: "Messages that clients sent, by what was decided.", unit: "/s", isRate: true,
        lines: [ok("publish/allowed", "accepted"), bad("publish/refused", "refused")] },
      { title: "Delivered", help: "Messages to subscribers; what a reader may not see is held from it.", unit: "/s", isRate: true,
        lines: [ok("deliver/allowed", "delivered"), bad("deliver/refused", "withheld")] },
      { title: "Subscriptions", help: "Requests to subscribe, by what was decided.", unit: "/min", isRate: true,
        lines: [ok("subscribe/allowed", "accepted"), bad("subscribe/refused", "refused")] },
    ],
  },
  {
    title: "Clients",
    plots: [
      { title: "Logins", help: "Connections by their result; held: locked out, held off or banned.", unit: "/min", isRate: true,
        lines: [ok("connections/accepted", "accepted"), bad("connections/refused", "refused"), warn("connections/held", "held off")] },
      { title: "Sessions", help: "Clients that are connected, and all sessions that the broker knows, gone ones included.", unit: "", isRate: false,
        lines: [ok("sessions", "known"), { topic: "sessions/connected", name: "connected", tone: "good" }] },
      { title: "Observed clients", help: "Clients whose behaviour the monitor has a record of.", unit: "", isRate: false, lines: [ok("monitor/clients", "clients")] },
      { title: "Clients closed", help: "Disconnected because a message of theirs could not be kept.", unit: "/min", isRate: true, lines: [bad("closed", "closed")] },
    ],
  },
  {
    title: "Alerts and bans",
    plots: [
      { title: "Active alerts", help: "Raised and not cleared yet.", unit: "", isRate: false, lines: [warn("alerts/active", "active")] },
      { title: "Alerts raised", help: "How often alerts were raised.", unit: "/min", isRate: true, lines: [warn("alerts/raised", "raised")] },
      { title: "Bans", help: "Clients that are held off or banned.", unit: "", isRate: false, lines: [bad("bans", "bans")] },
    ],
  },
  {
    title: "What is kept",
    plots: [
      { title: "Oldest waiting write", help: "How long the oldest accepted write has waited for the database.", unit: "seconds", isRate: false, lines: [warn("journal/age", "age")] },
      { title: "Waiting writes", help: "Accepted writes that the database does not have yet; the journal on disk has them.", unit: "", isRate: false, lines: [ok("journal/records", "writes")] },
      { title: "Journal in use", help: "Bytes of the journal that the database does not have yet.", unit: "bytes", isRate: false, lines: [ok("journal/bytes", "used")] },
      { title: "Publishers waited", help: "Share of time for which publishers waited for the database.", unit: "share", isRate: true, lines: [warn("store/waited", "waited")] },
      { title: "Times waited", help: "How often publishers waited for the database.", unit: "/min", isRate: true, lines: [warn("store/waits", "waits")] },
      { title: "Failed transactions", help: "Batches that the database did not take at the first try.", unit: "/min", isRate: true, lines: [bad("store/errors", "failed")] },
      { title: "Refused for slow syncs", help: "1 while channels of durability power are refused, since syncs fail or are slow.", unit: "", isRate: false, lines: [bad("store/power_refused", "refused")] },
      { title: "Retained messages mended", help: "Retained again, or cleared, as the database says.", unit: "/min", isRate: true, lines: [ok("retained/repairs", "mended")] },
      { title: "Retained messages compared", help: "1 while what the broker retains is compared with the database.", unit: "", isRate: false, lines: [ok("retained/repairing", "comparing")] },
    ],
  },
  {
    title: "Brokers of the shared database",
    plots: [
      { title: "Brokers", help: "Known ones, and those that say they are there.", unit: "", isRate: false,
        lines: [ok("brokers/known", "known"), { topic: "brokers/alive", name: "there", tone: "good" }] },
      { title: "Overruled steps", help: "Accepted steps that another broker's came before, of all brokers.", unit: "/min", isRate: true, lines: [bad("brokers/overruled", "overruled")] },
      { title: "This broker's delay", help: "How old the oldest write of this broker is that the database does not have.", unit: "seconds", isRate: false, lines: [warn("brokers/lag", "delay")] },
    ],
  },
  {
    title: "Reloads",
    plots: [
      { title: "Reloads", help: "Of the contract and the accounts.", unit: "", isRate: false,
        lines: [ok("reloads", "succeeded"), bad("reload_failures", "failed")] },
    ],
  },
];

/** Groups of which there is something, and one of numbers that are not known here. */
export function groupsOf(names: string[]): GroupOf[] {
  const known = new Set(GROUPS.flatMap(({ plots }) => plots.flatMap(({ lines }) => lines.map(({ topic }) => topic))));
  const groups = GROUPS.map(({ title, plots }) => ({
    title,
    plots: plots.map((plot) => ({ ...plot, lines: plot.lines.filter(({ topic }) => names.includes(topic)) }))
      .filter(({ lines }) => lines.length > 0),
  }));
  const others = names.filter((name) => !known.has(name));
  if (others.length > 0)
    groups.push({
      title: "Others",
      plots: others.map((topic) => ({ title: topic, help: `$SYS/broker/petstore/${topic}`, unit: "" as Unit, isRate: false, lines: [ok(topic, topic)] })),
    });
  return groups.filter(({ plots }) => plots.length > 0);
}
