// A message: what its payload has to be, as a table, and examples.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { href } from "../app/route";
import type { Document, Json, JsonObject } from "../contract/document";
import { deref } from "../contract/document";
import { exampleOf, isJson, payloadText } from "../contract/example";
import type { Channel, Contract, Message } from "../contract/model";
import { inWords, readShape, rowsOf, type Row, type Shape } from "../contract/shape";
import { Badge, Copy, Empty, Prose, Scroll } from "../ui/basics";
import { Heading } from "./bits";
import { Fold } from "./fold";
import { messagesOf } from "./groups";

const VALUES_MAX = 24; // of an enum; the rest is folded

const json = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));

function Values({ values }: { values: Json[] }): JSX.Element {
  const shown = values.slice(0, VALUES_MAX);
  return (
    <div class="values">
      {shown.map((value, i) => <code key={i}>{json(value)}</code>)}
      {values.length > VALUES_MAX
        ? <details><summary>{values.length - VALUES_MAX} more</summary>{values.slice(VALUES_MAX).map((value, i) => <code key={i}>{json(value)}</code>)}</details> : null}
    </div>
  );
}

function Says({ shape }: { shape: Shape }): JSX.Element {
  return (
    <>
      {shape.description ? <Fold text={shape.description} /> : null}
      {shape.values && shape.values.length > 0 ? <Values values={shape.values} /> : null}
      {shape.rules.map((rule, i) => <p key={i}><Prose text={rule} /></p>)}
      {shape.others && shape.members.length > 0 && shape.others !== "no other members" ? <p><Prose text={shape.others} /></p> : null}
      {shape.fallback !== undefined ? <p>Default: <code>{json(shape.fallback)}</code></p> : null}
      {shape.flags.length > 0 ? <p>{shape.flags.map((flag) => <Badge key={flag} tone={flag === "deprecated" ? "warn" : "plain"}>{flag}</Badge>)}</p> : null}
    </>
  );
}

function MemberRow({ row }: { row: Row }): JSX.Element {
  const { shape, depth, name, kind, isRequired, example } = row;
  const indent = `depth-${Math.min(depth, 6)}`;
  if (kind === "head")
    return (
      <tr class="variant">
        <th scope="rowgroup" colSpan={3} class={indent}><Prose text={name} />{shape.description ? <div class="muted"><Fold text={shape.description} /></div> : null}
          {shape.rules.map((rule, i) => <div key={i} class="muted"><Prose text={rule} /></div>)}</th>
      </tr>
    );
  return (
    <tr>
      <th scope="row" class={indent}><code>{name}</code>{isRequired ? <span class="required">required</span> : null}</th>
      <td>{shape.circle !== null ? <>{shape.type}, as above</> : shape.type}
        {shape.limits.map((limit, i) => <div key={i} class="muted"><Prose text={limit} /></div>)}</td>
      <td><Says shape={shape} />{example !== undefined ? <p class="eg">for example <code>{json(example)}</code></p> : null}</td>
    </tr>
  );
}

export function ShapeTable({ shape, example, label }: { shape: Shape; example?: Json; label: string }): JSX.Element {
  const rows = useMemo(() => rowsOf(shape, example), [shape, example]);
  return (
    <>
      {shape.rules.map((rule, i) => <p key={i}><Prose text={rule} /></p>)}
      {rows.length > 0 ? (
        <Scroll label={label}>
          <table class="members">
            <thead><tr><th scope="col">member</th><th scope="col">type and limits</th><th scope="col">description</th></tr></thead>
            <tbody>{rows.map((row) => <MemberRow key={row.path} row={row} />)}</tbody>
          </table>
        </Scroll>
      ) : <p>The payload is: <Prose text={inWords(shape)} />.</p>}
      {shape.others ? <p class="muted"><Prose text={`${shape.others[0].toUpperCase()}${shape.others.slice(1)}.`} /></p> : null}
    </>
  );
}

type Level = "h2" | "h3";

/** Properties of MQTT 5 that the message asks for. */
function Properties({ doc, message, level: Heading }: { doc: Document; message: Message; level: Level }): JSX.Element | null {
  const headers = message.headers === undefined ? null : readShape(doc, message.headers);
  const correlation = deref(doc, message.raw.correlationId) as JsonObject | undefined;
  if (!headers && !correlation) return null;
  return (
    <>
      <Heading>Properties (MQTT 5)</Heading>
      {correlation ? <p>A correlation id, in <code>{String(correlation.location ?? "")}</code>. {String(correlation.description ?? "")}</p> : null}
      {headers ? <><p>User properties:</p><ShapeTable shape={headers} label="User properties" /></> : null}
    </>
  );
}

export function Code({ text, label }: { text: string; label: string }): JSX.Element {
  return (
    <div class="code">
      <Copy text={text} label={`Copy ${label}`} />
      <pre tabIndex={0} role="region" aria-label={label}>{text}</pre>
    </div>
  );
}

export function Examples({ message, shape }: { message: Message; shape: Shape }): JSX.Element {
  const said = message.examples;
  const schemas = said.length === 0 ? shape.examples : [];
  const list = said.length > 0 ? said.map((it) => ({ name: it.summary || it.name, payload: it.payload }))
    : schemas.length > 0 ? schemas.map((payload, i) => ({ name: schemas.length > 1 ? `Example ${i + 1}` : "Example", payload }))
    : [{ name: "An example, made from the schema", payload: exampleOf(message, shape) }];
  const asText = (payload: Json) => (isJson(message.contentType) ? JSON.stringify(payload, null, 2) : payloadText(payload, message.contentType));
  return <>{list.map(({ name, payload }, i) => <figure key={i} class="example"><figcaption>{name}</figcaption><Code text={asText(payload)} label={name} /></figure>)}</>;
}

// Schemas of other kinds (Avro, Protobuf) are shown as they are.
const isSchema = (format: string | undefined): boolean => !format || /schema\+(json|yaml)|asyncapi|openapi/i.test(format);

export const shapeOf = (doc: Document, message: Message): Shape => readShape(doc, isSchema(message.schemaFormat) ? message.schema : undefined, message.schemaFormat);

export function MessageView({ doc, message, withExamples, level }: { doc: Document; message: Message; withExamples: boolean; level: Level }): JSX.Element {
  const Title = level;
  const shape = useMemo(() => shapeOf(doc, message), [doc, message]);
  const example = message.examples[0]?.payload ?? shape.examples[0];
  return (
    <>
      {message.description || shape.description ? <Fold text={message.description || shape.description} /> : null}
      <p class="muted">{message.contentType}{message.deprecated ? <> <Badge tone="warn">deprecated</Badge></> : null}</p>
      {isSchema(message.schemaFormat)
        ? message.schema === undefined ? <p>The contract does not say what the payload is.</p> : <ShapeTable shape={shape} example={example} label={`Members of ${message.name}`} />
        : <><p>Its schema is in another language: {message.schemaFormat}</p>
            <Code text={typeof message.schema === "string" ? message.schema : JSON.stringify(message.schema, null, 2)} label={`Schema of ${message.name}`} /></>}
      <Properties doc={doc} message={message} level={level} />
      {withExamples && message.schema !== undefined ? <><Title>Examples</Title><Examples message={message} shape={shape} /></> : null}
    </>
  );
}

export function MessagePage({ contract, name }: { contract: Contract; name: string | undefined }): JSX.Element {
  const found = messagesOf(contract).find((it) => it.name === name);
  const channel: Channel | undefined = found?.channels[0];
  const message = channel?.messages.find((it) => it.name === name);
  if (!found || !channel || !message) return <Empty>The contract has no message {name}, or this account may not see it.</Empty>;
  return (
    <>
      <Heading level={1} to={["message", message.name]}>{message.title}</Heading>
      <p>On {found.channels.map(({ id, address }, i) => <span key={id}>{i > 0 ? ", " : ""}<a href={href(["read", "channel", id])}><code>{address}</code></a></span>)}</p>
      <MessageView doc={contract.documents[channel.document]} message={message} withExamples level="h2" />
    </>
  );
}
