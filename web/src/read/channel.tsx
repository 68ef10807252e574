// A topic: who may, with which parameters, what goes over it, and programs that do it.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { href } from "../app/route";
import { credentials, whoami } from "../app/session";
import { tryLink } from "../app/trylink";
import { dated, exampleOf, isJson, payloadText, valuesFor } from "../contract/example";
import { filterOf, hasTitle, topicOf, type Channel, type Contract, type Operation } from "../contract/model";
import { Badge, Copy, Prose, Scroll } from "../ui/basics";
import { Icon } from "../ui/icons";
import { Heading, Linked } from "./bits";
import { Fold } from "./fold";
import { Examples, MessageView, shapeOf } from "./message";
import { Samples } from "./samples-panel";
import { facts, heldInWords, howToSend, ownInWords, whoMay } from "./words";

function Who({ contract, channel, action, label, level: Level }: {
  contract: Contract; channel: Channel; action: Operation["action"]; label: string; level: "h2" | "h3";
}): JSX.Element {
  const operations = channel.operations.filter((it) => it.action === action);
  const scopes = contract.scopes.map(({ name }) => name);
  const own = ownInWords(channel, operations);
  const held = channel.may?.[action];
  return (
    <div class="who-may">
      <Level>{label} {held ? <Badge tone={held === "no" ? "plain" : "good"}>{heldInWords(held)}</Badge> : null}</Level>
      {operations.length === 0
        ? <p>{action === "send" ? "No client may. What is here, the broker publishes." : "No client may."}</p>
        : (
          <ul>
            {operations.map((operation) => (
              <li key={operation.key + operation.by}><Linked text={whoMay(contract, channel, operation)} scopes={scopes} />
                {operation.deprecated ? <> <Badge tone="warn">deprecated</Badge></> : null}
                {operation.description ? <div class="muted"><Fold text={operation.description} /></div> : null}</li>
            ))}
            {own ? <li><Linked text={own} scopes={scopes} /></li> : null}
            {action === "receive" && channel.parameters.some(({ own }) => own)
              ? <li>each client, of topics with its own {channel.parameters.filter(({ own }) => own).map(({ own }) => (own === "principal" ? "user name" : "client id")).join(" and ")} in them</li> : null}
          </ul>
        )}
      {action === "send" && operations.length > 0 ? <p class="how">{howToSend(channel).map((how, i) => <Badge key={i}>{how}</Badge>)}</p> : null}
    </div>
  );
}

/** The address where the heading is not it, and the filter where that is another. */
function Address({ channel }: { channel: Channel }): JSX.Element {
  const filter = filterOf(channel.address);
  return (
    <p class="address">
      <span>{hasTitle(channel) ? <code>{channel.address}</code> : null} <Copy text={channel.address} label="Copy the topic" word="topic" /></span>
      {filter === channel.address ? null : <span><span class="muted">filter</span> <code>{filter}</code> <Copy text={filter} label="Copy the filter" word="filter" /></span>}
    </p>
  );
}

function Parameters({ channel }: { channel: Channel }): JSX.Element | null {
  if (channel.parameters.length === 0) return null;
  return (
    <section>
      <Heading to={["channel", channel.id, "parameters"]}>Parameters of the topic</Heading>
      <Scroll label="Parameters">
        <table>
          <thead><tr><th scope="col">parameter</th><th scope="col">what it is</th><th scope="col">values</th><th scope="col">examples</th></tr></thead>
          <tbody>
            {channel.parameters.map(({ name, description, values, examples, pattern, own, default: preset }) => (
              <tr key={name}>
                <th scope="row"><code>{name}</code></th>
                <td>{description}{channel.entity?.id === name ? <> It is the id of the <a href={href(["read", "entity", channel.entity.entity])}>{channel.entity.entity}</a>.</> : null}</td>
                <td data-label="values">
                  {values ? <div class="values">{values.map((value) => <code key={value}>{value}</code>)}</div> : pattern ? <>matches <code>{pattern}</code></> : "any text, without /, + and #"}
                  {own ? <div>each client reads its own {own === "principal" ? "user name" : "client id"} here</div> : null}
                  {preset ? <div>default: <code>{preset}</code></div> : null}
                </td>
                <td data-label={examples.length > 0 ? "examples" : undefined}>{examples.map((example) => <div key={example}><code>{example}</code></div>)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

/** What the page's samples and its link to Try are filled with. */
function filled(contract: Contract, channel: Channel) {
  const message = channel.messages[0];
  const user = whoami.value?.principal ?? credentials.value?.username ?? "";
  const payload = message ? dated(channel, exampleOf(message, shapeOf(contract.documents[channel.document], message))) : null;
  const values = valuesFor(channel, payload, { user, clientId: whoami.value?.clientId ?? "" });
  const sends = channel.operations.filter(({ action }) => action === "send");
  return {
    user, payload, values, message,
    isJson: message ? isJson(message.contentType) : false,
    topic: topicOf(channel.address, values),
    qos: Math.max(1, Math.min(2, ...sends.map(({ qos }) => qos))) as 1 | 2,
    retain: sends.some(({ retain }) => retain === true),
  };
}

export function ChannelPage({ contract, channel, isWhole = false }: { contract: Contract; channel: Channel; isWhole?: boolean }): JSX.Element {
  const doc = contract.documents[channel.document];
  const isSend = channel.operations.some(({ action }) => action === "send");
  const isReceive = channel.operations.some(({ action }) => action === "receive");
  const { message, ...fill } = useMemo(() => filled(contract, channel), [contract, channel, whoami.value]);
  const link = tryLink({
    channel: channel.id, values: fill.values, qos: fill.qos, retain: fill.retain || undefined,
    payload: message && isSend ? (fill.isJson ? JSON.stringify(fill.payload, null, 2) : payloadText(fill.payload, message.contentType)) : undefined,
  });
  const more = facts(contract, channel);
  return (
    <div class="with-aside">
      <div>
        <Heading level={isWhole ? 2 : 1} to={["channel", channel.id]} isCode={!hasTitle(channel)}>{channel.title}</Heading>
        <Address channel={channel} />
        {channel.description ? <Fold text={channel.description} /> : null}
        {isWhole ? null : <p><a class="button primary-link" href={link}><Icon name="send" /> Try it</a></p>}
        <section class="who-both" aria-label="Who may">
          <Who contract={contract} channel={channel} action="send" label="Publish" level={isWhole ? "h3" : "h2"} />
          <Who contract={contract} channel={channel} action="receive" label="Subscribe" level={isWhole ? "h3" : "h2"} />
        </section>
        <Parameters channel={channel} />
        {channel.messages.length > 1 ? <p>A message here is one of {channel.messages.length}.</p> : null}
        {channel.messages.map((it) => (
          <section key={it.key}>
            <Heading to={["channel", channel.id, "message", it.key]}>Message: {it.title}</Heading>
            <MessageView doc={doc} message={it} withExamples={isWhole || it !== message} level="h3" />
          </section>
        ))}
        {channel.entity ? <Entity channel={channel} /> : null}
        {more.length > 0 ? (
          <section>
            <Heading to={["channel", channel.id, "more"]}>What else holds here</Heading>
            <ul>{more.map((fact, i) => <li key={i}><Prose text={fact} /></li>)}</ul>
          </section>
        ) : null}
      </div>
      {isWhole ? null : (
        <aside aria-label="Examples and programs">
          {message && message.schema !== undefined ? <section><h2>Examples</h2><Examples message={message} shape={shapeOf(doc, message)} /></section> : null}
          {isSend || isReceive ? <Samples channel={channel} fill={fill} isSend={isSend} isReceive={isReceive} /> : null}
        </aside>
      )}
    </div>
  );
}

function Entity({ channel }: { channel: Channel }): JSX.Element | null {
  const { entity } = channel;
  if (!entity) return null;
  return (
    <section>
      <Heading to={["channel", channel.id, "entity"]}>What a message says of the {entity.entity}</Heading>
      <p>An accepted message changes <a href={href(["read", "entity", entity.entity])}>{entity.entity}</a> <code>{`{${entity.id}}`}</code>
        {entity.owner ? <>; the first one says whose it is, in <code>{entity.owner.slice(1)}</code></> : null}.</p>
      <ul>
        {Object.entries(entity.columns).map(([column, pointer]) => (
          <li key={column}><code>{pointer.replace(/^\//, "").replace(/\//g, ".")}</code> goes to the column <code>{column}</code>
            {entity.machines[column] ? <>, as the state machine <a href={href(["read", "machine", entity.machines[column]])}>{entity.machines[column]}</a> allows</> : null}</li>
        ))}
      </ul>
    </section>
  );
}
