// The first page: what the API is, what this account may, and all topics.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { href } from "../app/route";
import { whoami } from "../app/session";
import { hasTitle, type Channel, type Contract } from "../contract/model";
import { Badge, Prose, Time } from "../ui/basics";
import { InPieces } from "../ui/pieces";
import { groupsOf, type Group } from "./groups";
import { howToSend } from "./words";
import { Fold } from "./fold";
import { ScopeLinks } from "./bits";

/** @held of one direction, short. */
function May({ channel }: { channel: Channel }): JSX.Element {
  const { may, operations } = channel;
  const has = (action: string) => operations.some((it) => it.action === action);
  if (!may)
    return <>{has("send") ? <Badge>publish</Badge> : null} {has("receive") ? <Badge>subscribe</Badge> : null}</>;
  return (
    <>
      {may.send !== "no" ? <Badge tone="accent">publish{may.send === "own" ? " own" : ""}</Badge> : null}{" "}
      {may.receive !== "no" ? <Badge tone="good">subscribe{may.receive === "own" ? " own" : ""}</Badge> : null}
      {may.send === "no" && may.receive === "no" ? <Badge>not you</Badge> : null}
    </>
  );
}

function Account(): JSX.Element | null {
  const who = whoami.value;
  if (!who) return null;
  return (
    <section class="panel account-panel" aria-labelledby="account-title">
      <h2 id="account-title">Your account</h2>
      <dl class="read-facts">
        <dt>Signed in as</dt><dd><b>{who.principal}</b>, by {who.method}, client <code>{who.clientId}</code></dd>
        <dt>Roles</dt><dd>{who.roles.length > 0 ? who.roles.join(", ") : "none"}</dd>
        {who.applications.length > 0 ? (
          <><dt>Applications</dt><dd>{who.applications.map(({ name, side, operations }) => (
            <div key={name + side}>{side === "is" ? "is" : "talks to"} <b>{name}</b>{operations ? `: ${operations.join(", ")}` : ""}</div>
          ))}</dd></>
        ) : null}
        <dt>Scopes</dt><dd><ScopeLinks scopes={who.scopes} />{who.own.length > 0 ? <>{who.scopes.length > 0 ? "; " : ""}of its own only: <ScopeLinks scopes={who.own} /></> : null}
          {who.scopes.length + who.own.length === 0 ? "none: this account has no rights that need one" : null}</dd>
        {Object.keys(who.attributes).length > 0 ? <><dt>Attributes</dt><dd>{Object.entries(who.attributes).map(([name, values]) => `${name}: ${values.join(", ")}`).join("; ")}</dd></> : null}
        {who.expires ? <><dt>Until</dt><dd><Time at={who.expires} /></dd></> : null}
        <dt>Broker</dt><dd>Mosquitto {who.broker.version}, mosquitto_petstore {who.broker.plugin}{who.broker.name ? `, ${who.broker.name}` : ""}</dd>
      </dl>
    </section>
  );
}

const AT_ONCE = 100; // topics: more than a screen has; further ones come in pieces

const oneTopic = (channel: Channel): JSX.Element => (
  <li key={channel.id}>
    <a href={href(["read", "channel", channel.id])}>
      <code class="topic">{channel.address}</code>
      <span class="topic-title">{hasTitle(channel) ? channel.title : ""}</span>
      <span class="topic-how muted">{howToSend(channel)[0]?.replace("any", "0, 1 or 2") ?? ""}</span>
      <span class="topic-may"><May channel={channel} /></span>
    </a>
  </li>
);

const oneGroup = ({ name, description, channels, atOnce }: Group & { atOnce: number }): JSX.Element => (
  <section key={name} class="topics">
    <h2 id={`tag/${name}`}>{name}</h2>
    {description ? <p class="muted">{description}</p> : null}
    <ul class="topic-list"><InPieces of={channels} atOnce={atOnce} row={oneTopic} /></ul>
  </section>
);

/** The groups, each with how many of its topics are among the first ones of all. */
function groupsInOrder(contract: Contract): (Group & { atOnce: number })[] {
  let left = AT_ONCE;
  return groupsOf(contract).map((group) => {
    const atOnce = Math.min(left, group.channels.length);
    left -= atOnce;
    return { ...group, atOnce };
  });
}

export function Overview({ contract }: { contract: Contract }): JSX.Element {
  const groups = useMemo(() => groupsInOrder(contract), [contract]);
  return (
    <>
      <h1>{contract.title} {contract.version ? <small class="muted">{contract.version}</small> : null}</h1>
      {contract.description ? <div class="lead"><Fold text={contract.description} /></div> : null}
      <Account />
      {contract.channels.length === 0
        ? <p>There is no topic in it that this account may publish to or read. Ask the operator for a role that has some.</p> : null}
      <InPieces of={groups} atOnce={groups.filter(({ atOnce }) => atOnce > 0).length} size={10} row={oneGroup} />
      <p class="muted"><Prose text="Press `/` to search topics, messages, members, scopes and reasons." /></p>
    </>
  );
}
