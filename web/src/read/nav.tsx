// The list of pages at the side.
import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { href } from "../app/route";
import { configFiles } from "../contract/reference";
import type { Contract } from "../contract/model";
import { InPieces } from "../ui/pieces";
import { groupsOf, messagesOf } from "./groups";

const OPEN_MAX = 12; // a longer list is closed, unless one is in it
const AT_ONCE = 50; // rows, or groups of them; further ones come in pieces

function Item({ to, here, children }: { to: string[]; here: string[]; children: string }): JSX.Element {
  const isHere = to.join("/") === here.slice(0, Math.max(2, to.length)).join("/");
  return <li><a href={href(["read", ...to])} aria-current={isHere ? "page" : undefined}>{children}</a></li>;
}

interface Entry { to: string[]; text: string }

/** Drawn anew where @isHere changes, or the place within it: with 1,000 topics all of them take a tenth of a second. */
function Part({ title, isHere, here, entries }: { title: string; isHere: boolean; here: string[]; entries: Entry[] }): JSX.Element | null {
  return useMemo(() => {
    if (entries.length === 0) return null;
    const isOpen = isHere || entries.length <= OPEN_MAX;
    // What is closed comes later, but the place where one is has to be there.
    const atOnce = isOpen ? Math.max(AT_ONCE, entries.findIndex(({ to }) => to[1] === here[1]) + 1) : 0;
    return (
      <details class="read-part" open={isOpen}>
        <summary>{title} <span class="muted">{entries.length}</span></summary>
        <ul><InPieces of={entries} atOnce={atOnce} row={({ to, text }) => <Item key={to.join("/")} to={to} here={here}>{text}</Item>} /></ul>
      </details>
    );
  }, [title, entries, isHere && here.join("/")]);
}

/** What the list has of @contract. */
function entriesOf(contract: Contract) {
  return {
    topics: groupsOf(contract).map(({ name, channels }) => ({
      name, ids: new Set(channels.map(({ id }) => id)), entries: channels.map(({ id, address }) => ({ to: ["channel", id], text: address })),
    })),
    messages: messagesOf(contract).map(({ name }) => ({ to: ["message", name], text: name })),
    machines: contract.machines.map(({ name }) => ({ to: ["machine", name], text: name })),
    entities: contract.entities.map(({ name }) => ({ to: ["entity", name], text: name })),
    configuration: [{ to: ["configuration", "options"], text: "Options of the plugin" },
      ...configFiles.map(({ id, title }) => ({ to: ["configuration", id], text: title }))],
  };
}

export function Nav({ contract, here, isOpen }: { contract: Contract; here: string[]; isOpen: boolean }): JSX.Element {
  const nav = useRef<HTMLElement>(null);
  const place = here.join("/");
  useEffect(() => {
    const current = nav.current?.querySelector("[aria-current]");
    if (nav.current && current && (current as HTMLElement).offsetParent) {
      const [outer, inner] = [nav.current.getBoundingClientRect(), current.getBoundingClientRect()];
      if (inner.top < outer.top || inner.bottom > outer.bottom) nav.current.scrollTop += inner.top - outer.top - outer.height / 3;
    }
  }, [place]);
  const { topics, messages, machines, entities, configuration } = useMemo(() => entriesOf(contract), [contract]);
  const [kind, name] = here;
  const isIn = (group: (typeof topics)[number]) => kind === "channel" && group.ids.has(name);
  const part = useCallback((group: (typeof topics)[number]) => <Part key={group.name} title={group.name} isHere={isIn(group)} here={here} entries={group.entries} />, [place]);
  return (
    <nav id="read-nav" class={isOpen ? "read-nav open" : "read-nav"} aria-label="Contents" ref={nav}>
      <ul>
        <Item to={[]} here={here}>Overview</Item>
        <Item to={["servers"]} here={here}>How to connect</Item>
      </ul>
      <p class="read-nav-title">Topics</p>
      <InPieces of={topics} atOnce={Math.max(AT_ONCE, topics.findIndex(isIn) + 1)} row={part} />
      <p class="read-nav-title">Reference</p>
      <Part title="Messages" isHere={kind === "message"} here={here} entries={messages} />
      <Part title="State machines" isHere={kind === "machine"} here={here} entries={machines} />
      <Part title="Entities" isHere={kind === "entity"} here={here} entries={entities} />
      <ul>
        <Item to={["scopes"]} here={here}>Scopes</Item>
        <Item to={["limits"]} here={here}>Limits</Item>
        <Item to={["reasons"]} here={here}>Reasons of a refusal</Item>
        <Item to={["alerts"]} here={here}>Alerts</Item>
      </ul>
      <Part title="Configuration" isHere={kind === "configuration"} here={here} entries={configuration} />
      <ul><Item to={["all"]} here={here}>All on one page, to print</Item></ul>
    </nav>
  );
}
