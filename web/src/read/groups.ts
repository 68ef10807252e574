// The channels in groups: by their first tag, else by the first word of their topics.
import type { Channel, Contract } from "../contract/model";

export interface Group { name: string; description: string; channels: Channel[] }

export function groupsOf(contract: Contract): Group[] {
  const groups = new Map<string, Group>();
  const described = new Map<string, string>();
  for (const { root } of contract.documents) {
    const tags = (root.info as { tags?: { name?: string; description?: string }[] } | undefined)?.tags;
    for (const tag of Array.isArray(tags) ? tags : []) if (tag?.name) described.set(tag.name, tag.description ?? "");
  }
  // Tags in the document's order come first.
  for (const [name, description] of described) groups.set(name, { name, description, channels: [] });
  for (const channel of contract.channels) {
    const name = channel.tags[0] || channel.address.split("/").find((word) => !word.startsWith("{")) || "topics";
    if (!groups.has(name)) groups.set(name, { name, description: "", channels: [] });
    groups.get(name)!.channels.push(channel);
  }
  return [...groups.values()].filter(({ channels }) => channels.length > 0);
}

/** Messages by name: one that several channels have is one. */
export function messagesOf(contract: Contract): { name: string; title: string; channels: Channel[] }[] {
  const found = new Map<string, { name: string; title: string; channels: Channel[] }>();
  for (const channel of contract.channels)
    for (const message of channel.messages) {
      const one = found.get(message.name) ?? { name: message.name, title: message.title, channels: [] };
      one.channels.push(channel);
      found.set(message.name, one);
    }
  return [...found.values()];
}
