// The list of pages at the side.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { href } from "../app/route";
import { configFiles } from "../contract/reference";
import type { Contract } from "../contract/model";
import { groupsOf, messagesOf } from "./groups";

const OPEN_MAX = 12; // a longer list is closed, unless one is in it

function Item({ to, here, children }: { to: string[]; here: string[]; children: string }): JSX.Element {
  const isHere = to.join("/") === here.slice(0, Math.max(2, to.length)).join("/");
  return <li><a href={href(["read", ...to])} aria-current={isHere ? "page" : undefined}>{children}</a></li>;
}

function Part({ title, isOpen, count, children }: { title: string; isOpen: boolean; count: number; children: JSX.Element[] }): JSX.Element | null {
  if (count === 0) return null;
  return (
    <details class="read-part" open={isOpen || count <= OPEN_MAX}>
      <summary>{title} <span class="muted">{count}</span></summary>
      <ul>{children}</ul>
    </details>
  );
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
  const messages = messagesOf(contract);
  return (
    <nav id="read-nav" class={isOpen ? "read-nav open" : "read-nav"} aria-label="Contents" ref={nav}>
      <ul>
        <Item to={[]} here={here}>Overview</Item>
        <Item to={["servers"]} here={here}>How to connect</Item>
      </ul>
      <h2>Topics</h2>
      {groupsOf(contract).map(({ name, channels }) => (
        <Part key={name} title={name} count={channels.length} isOpen={channels.some(({ id }) => here[0] === "channel" && here[1] === id)}>
          {channels.map(({ id, address }) => <Item key={id} to={["channel", id]} here={here}>{address}</Item>)}
        </Part>
      ))}
      <h2>Reference</h2>
      <Part title="Messages" count={messages.length} isOpen={here[0] === "message"}>
        {messages.map(({ name }) => <Item key={name} to={["message", name]} here={here}>{name}</Item>)}
      </Part>
      <Part title="State machines" count={contract.machines.length} isOpen={here[0] === "machine"}>
        {contract.machines.map(({ name }) => <Item key={name} to={["machine", name]} here={here}>{name}</Item>)}
      </Part>
      <Part title="Entities" count={contract.entities.length} isOpen={here[0] === "entity"}>
        {contract.entities.map(({ name }) => <Item key={name} to={["entity", name]} here={here}>{name}</Item>)}
      </Part>
      <ul>
        <Item to={["scopes"]} here={here}>Scopes</Item>
        <Item to={["limits"]} here={here}>Limits</Item>
        <Item to={["reasons"]} here={here}>Reasons of a refusal</Item>
        <Item to={["alerts"]} here={here}>Alerts</Item>
      </ul>
      <Part title="Configuration" count={1 + configFiles.length} isOpen={here[0] === "configuration"}>
        {[<Item key="options" to={["configuration", "options"]} here={here}>Options of the plugin</Item>,
          ...configFiles.map(({ id, title }) => <Item key={id} to={["configuration", id]} here={here}>{title}</Item>)]}
      </Part>
      <ul><Item to={["all"]} here={here}>All on one page, to print</Item></ul>
    </nav>
  );
}
