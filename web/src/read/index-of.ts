// What the search finds: each thing once, with the words that it is found by.
import { hasTitle, type Contract } from "../contract/model";
import { alertKinds, configFiles, options, reasons } from "../contract/reference";
import { rowsOf } from "../contract/shape";
import { messagesOf } from "./groups";
import { shapeOf } from "./message";

export interface Entry { kind: string; title: string; text: string; to: string[] }

export const KINDS = ["Topics", "Messages", "Members", "State machines", "Entities", "Scopes", "Reasons", "Alerts", "Pages", "Configuration"];

const known = new WeakMap<Contract, Entry[]>();

/** Made once of each contract: with 1,000 topics that takes a tenth of a second. */
export function entriesOf(contract: Contract): Entry[] {
  const made = known.get(contract) ?? makeEntries(contract);
  known.set(contract, made);
  return made;
}

function makeEntries(contract: Contract): Entry[] {
  const entries: Entry[] = [];
  const add = (kind: string, title: string, text: string, ...to: string[]) => entries.push({ kind, title, text, to });
  for (const channel of contract.channels) {
    const scopes = channel.operations.flatMap((it) => it.scopes.flat());
    add("Topics", channel.address, [hasTitle(channel) ? channel.title : "", channel.description, channel.key, ...channel.tags, ...scopes].filter(Boolean).join(" · "), "channel", channel.id);
  }
  for (const { name, title, channels } of messagesOf(contract)) {
    const message = channels[0].messages.find((it) => it.name === name)!;
    add("Messages", name, [title, message.description].filter(Boolean).join(" · "), "message", name);
    for (const { kind, path, shape } of rowsOf(shapeOf(contract.documents[channels[0].document], message)))
      if (kind === "member") add("Members", path.slice(1).replace(/\//g, "."), [name, shape.type, shape.description, (shape.values ?? []).join(", ")].filter(Boolean).join(" · "), "message", name);
  }
  for (const { name, description, states } of contract.machines) add("State machines", name, [description, states.join(", ")].filter(Boolean).join(" · "), "machine", name);
  for (const { name, description, columns } of contract.entities) add("Entities", name, [description, columns.map((it) => it.name).join(", ")].filter(Boolean).join(" · "), "entity", name);
  for (const { name, description } of contract.scopes) add("Scopes", name, description, "scopes", name);
  for (const { code, title, means, todo } of reasons) add("Reasons", code, `${title} · ${means} · ${todo}`, "reasons", code);
  for (const { code, title, means, todo } of alertKinds) add("Alerts", code, `${title} · ${means} · ${todo}`, "alerts", code);
  add("Pages", "How to connect", ["servers ports address host TLS websockets password certificate token client id session", ...contract.servers.map((it) => it.host)].join(" "), "servers");
  add("Pages", "Limits", "sizes payload bytes messages a second rates", "limits");
  for (const { name, help } of options) add("Configuration", `plugin_opt_${name}`, help, "configuration", "options", name);
  for (const file of configFiles)
    for (const table of file.tables)
      for (const { name, description } of table.rows) add("Configuration", name, `${table.title} · ${description}`, "configuration", file.id, table.id);
  return entries;
}

/** The best @max entries that have all words of @query: in the title before in the text, at its beginning before within. */
export function find(entries: Entry[], query: string, max: number): Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found: { entry: Entry; score: number }[] = [];
  for (const entry of entries) {
    const [title, text] = [entry.title.toLowerCase(), entry.text.toLowerCase()];
    let score = 0;
    for (const word of words) {
      const points = title === word ? 100 : title.startsWith(word) ? 60 : title.includes(word) ? 40 : text.includes(word) ? 10 : 0;
      if (points === 0) { score = 0; break; }
      score += points;
    }
    if (score > 0) found.push({ entry, score: score - KINDS.indexOf(entry.kind) - title.length / 100 });
  }
  return found.sort((a, b) => b.score - a.score).slice(0, max).map(({ entry }) => entry);
}
