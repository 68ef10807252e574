// The contract as the views speak of it, out of AsyncAPI 3.x documents. One place knows the
// document's shape; views know channels, operations, messages, machines, entities.
import { deref, list, object, text, type Json, type JsonObject, type Document } from "./document";
import { readMachines, type Machine } from "./machines";

export type Held = "yes" | "own" | "no";
export type Qos = 0 | 1 | 2;

export interface Parameter {
  name: string;
  description: string;
  values: string[] | null; // enum; null: any
  examples: string[];
  pattern: string | null; // x-pattern
  own: string | null; // x-own
  default: string | null;
}

export interface Example { name: string; summary: string; payload: Json; headers: Json | undefined }

export interface Message {
  key: string;
  name: string;
  title: string;
  description: string;
  contentType: string;
  schema: Json | undefined; // as in the document, with its $refs
  schemaFormat: string | undefined;
  headers: Json | undefined;
  examples: Example[];
  deprecated: boolean;
  raw: JsonObject;
}

export interface Operation {
  key: string;
  action: "send" | "receive"; // as the client of the broker that this is about sees it
  by: string; // who: "clients" with x-perspective client, else the application, or "its counterpart"
  summary: string;
  description: string;
  scopes: string[][]; // alternatives, of each of which all are needed; []: none is asked for
  qos: Qos; // the least that is taken where it is sent
  retain: boolean | null; // null: may be or not
  messages: string[]; // keys of the channel's messages
  deprecated: boolean;
  raw: JsonObject;
}

export interface Channel {
  id: string; // for addresses of the page: unique among all documents
  document: number;
  key: string;
  address: string;
  title: string;
  description: string;
  tags: string[];
  parameters: Parameter[];
  messages: Message[];
  operations: Operation[];
  may: { send: Held; receive: Held } | null; // the account's; null: nobody is signed in
  entity: EntityUse | null;
  raw: JsonObject;
}

/** What a message on a channel says of an entity. */
export interface EntityUse {
  entity: string;
  id: string; // the parameter
  owner: string | null; // JSON Pointer
  columns: Record<string, string>; // column -> JSON Pointer
  machines: Record<string, string>; // column -> state machine
}

export interface Entity {
  name: string;
  table: string;
  description: string;
  columns: { name: string; type: string; machine: string | null }[];
  ownerVia: { entity: string; column: string } | null;
}

export interface Server {
  key: string;
  host: string;
  protocol: string;
  protocolVersion: string;
  description: string;
  security: string[];
}

export interface Contract {
  title: string;
  version: string;
  description: string;
  documents: Document[];
  channels: Channel[];
  machines: Machine[];
  entities: Entity[];
  servers: Server[];
  scopes: { name: string; description: string }[];
}

interface MayRow { document: number; channel: string; send: Held; receive: Held }

/** @text is the command's: {"documents":[...],"may":[...]}. Throws where it is no such thing. */
export function loadContract(source: string): Contract {
  const { documents: roots, may } = JSON.parse(source) as { documents: JsonObject[]; may: MayRow[] };
  const documents = roots.map((root) => ({ root }));
  const first = object(roots[0]?.info);
  return {
    title: text(first.title) || "API",
    version: text(first.version),
    description: text(first.description),
    documents,
    channels: documents.flatMap((doc, i) => channelsOf(doc, i, documents.length > 1, may)),
    machines: documents.flatMap((doc, i) => readMachines(doc, i)),
    entities: documents.flatMap(entitiesOf),
    servers: documents.flatMap(serversOf),
    scopes: scopesOf(documents),
  };
}

function channelsOf(doc: Document, index: number, isOneOfMany: boolean, may: MayRow[]): Channel[] {
  const rows = new Map(may.filter((it) => it.document === index).map((it) => [it.channel, it]));
  const operations = operationsOf(doc);
  return Object.entries(object(doc.root.channels)).map(([key, raw]) => {
    const at = object(deref(doc, raw));
    const row = rows.get(key);
    const address = text(at.address) || key;
    return {
      id: isOneOfMany ? `${index}.${key}` : key,
      document: index,
      key,
      address,
      title: text(at.title) || text(at.summary) || address,
      description: text(at.description),
      tags: list(at.tags).map((tag) => text(object(deref(doc, tag)).name)),
      parameters: parametersOf(doc, at, address),
      messages: Object.entries(object(at.messages)).map(([name, message]) => messageOf(doc, name, message)),
      operations: operations.get(key) ?? [],
      may: row ? { send: row.send, receive: row.receive } : null,
      entity: entityUse(doc, at),
      raw: at,
    };
  });
}

function parametersOf(doc: Document, channel: JsonObject, address: string): Parameter[] {
  return [...address.matchAll(/\{([^}]+)\}/g)].map(([, name]) => {
    const at = object(deref(doc, object(channel.parameters)[name]));
    return {
      name,
      description: text(at.description),
      values: Array.isArray(at.enum) ? at.enum.map(String) : null,
      examples: list(at.examples).map(String),
      pattern: text(at["x-pattern"]) || null,
      own: text(at["x-own"]) || null,
      default: typeof at.default === "string" ? at.default : null,
    };
  });
}

function messageOf(doc: Document, key: string, raw: Json): Message {
  const at = object(deref(doc, raw));
  // A schema may stand in a Multi Format Schema Object, which names its format.
  const payload = object(at.payload);
  const isWrapped = typeof payload.schemaFormat === "string" && payload.schema !== undefined;
  return {
    key,
    name: text(at.name) || key,
    title: text(at.title) || text(at.name) || key,
    description: text(at.description) || text(at.summary),
    contentType: text(at.contentType) || text(doc.root.defaultContentType) || "application/json",
    schema: isWrapped ? payload.schema : at.payload,
    schemaFormat: isWrapped ? text(payload.schemaFormat) : undefined,
    headers: at.headers,
    examples: list(at.examples).map((raw, i) => {
      const example = object(raw);
      return {
        name: text(example.name) || `example ${i + 1}`,
        summary: text(example.summary),
        payload: example.payload ?? null,
        headers: example.headers,
      };
    }).filter((example) => example.payload !== null),
    deprecated: at.deprecated === true,
    raw: at,
  };
}

const lastOf = (pointer: string): string =>
  decodeURIComponent(pointer.split("/").pop() ?? "").replace(/~1/g, "/").replace(/~0/g, "~");

/** By the key of their channel. */
function operationsOf(doc: Document): Map<string, Operation[]> {
  const isClients = doc.root["x-perspective"] === "client";
  const title = text(object(doc.root.info).title);
  const all = new Map<string, Operation[]>();
  for (const [key, raw] of Object.entries(object(doc.root.operations))) {
    const at = object(deref(doc, raw));
    const channelKey = lastOf(text(object(at.channel).$ref));
    const channel = object(deref(doc, object(doc.root.channels)[channelKey]));
    const found = all.get(channelKey) ?? [];
    all.set(channelKey, found);
    const mqtt = object(object(deref(doc, at.bindings)).mqtt);
    const messages = Array.isArray(at.messages)
      ? at.messages.map((it) => lastOf(text(object(it).$ref)))
      : Object.keys(object(channel.messages));
    const common = {
      key,
      summary: text(at.summary) || text(at.title),
      description: text(at.description),
      scopes: alternatives(doc, at.security),
      qos: ([0, 1, 2].includes(mqtt.qos as number) ? mqtt.qos : 0) as Qos,
      retain: typeof mqtt.retain === "boolean" ? mqtt.retain : null,
      messages,
      deprecated: at.deprecated === true,
      raw: at,
    };
    const action = at.action === "receive" ? "receive" : "send";
    found.push({ ...common, action, by: isClients ? "clients" : title });
    // An application's operation is its counterpart's, the other way round.
    if (!isClients)
      found.push({ ...common, action: action === "send" ? "receive" : "send", by: `who talks to ${title}` });
  }
  return all;
}

function alternatives(doc: Document, security: Json | undefined): string[][] {
  return list(security)
    .map((raw) => list(object(deref(doc, raw)).scopes).map(String))
    .filter((scopes) => scopes.length > 0);
}

function entityUse(doc: Document, channel: JsonObject): EntityUse | null {
  const at = object(channel["x-entity"]);
  const entity = text(at.entity);
  if (!entity) return null;
  const columns = object(object(object(doc.root["x-entities"])[entity]).columns);
  const machines: Record<string, string> = {};
  for (const name of Object.keys(object(at.columns))) {
    const machine = text(object(columns[name]).stateMachine);
    if (machine) machines[name] = machine;
  }
  return {
    entity,
    id: text(at.id),
    owner: text(at.owner) || null,
    columns: Object.fromEntries(Object.entries(object(at.columns)).map(([name, at]) => [name, text(at)])),
    machines,
  };
}

function entitiesOf(doc: Document): Entity[] {
  return Object.entries(object(doc.root["x-entities"])).map(([name, raw]) => {
    const at = object(raw);
    const via = object(at.ownerVia);
    return {
      name,
      table: text(at.table) || name,
      description: text(at.description),
      columns: Object.entries(object(at.columns)).map(([column, raw]) => ({
        name: column,
        type: text(object(raw).type),
        machine: text(object(raw).stateMachine) || null,
      })),
      ownerVia: via.entity ? { entity: text(via.entity), column: text(via.column) } : null,
    };
  });
}

function serversOf(doc: Document): Server[] {
  return Object.entries(object(doc.root.servers)).map(([key, raw]) => {
    const at = object(deref(doc, raw));
    const variables = object(at.variables);
    const host = text(at.host).replace(/\{([^}]+)\}/g, (whole, name: string) =>
      text(object(deref(doc, variables[name])).default) || whole);
    return {
      key,
      host: host + text(at.pathname),
      protocol: text(at.protocol),
      protocolVersion: text(at.protocolVersion),
      description: text(at.description),
      security: list(at.security).map((it) => lastOf(text(object(it).$ref)) || text(object(it).type)),
    };
  });
}

function scopesOf(documents: Document[]): Contract["scopes"] {
  const found = new Map<string, string>();
  for (const doc of documents)
    for (const raw of Object.values(object(object(doc.root.components).securitySchemes))) {
      const at = object(deref(doc, raw));
      for (const flow of Object.values(object(at.flows)))
        for (const [name, description] of Object.entries(object(object(flow).availableScopes)))
          found.set(name, text(description));
      for (const name of list(at.scopes)) if (!found.has(String(name))) found.set(String(name), text(at.description));
    }
  return [...found].map(([name, description]) => ({ name, description })).sort((a, b) => a.name.localeCompare(b.name));
}

/** Whether the contract gives @channel a title; where it gives none, the address stands for it. */
export const hasTitle = (channel: Channel): boolean => channel.title !== channel.address;

/** The topic with values in place of its parameters; those that have none stay. */
export function topicOf(address: string, values: Record<string, string>): string {
  return address.replace(/\{([^}]+)\}/g, (whole, name: string) => values[name] || whole);
}

/** The filter for all topics of the channel. */
export const filterOf = (address: string): string => address.replace(/\{[^}]+\}/g, "+");

/** The channel of a topic, and its parameters there; of several the one with most words of its own. */
export function channelOf(contract: Contract, topic: string): { channel: Channel; values: Record<string, string> } | null {
  let best: { channel: Channel; values: Record<string, string>; fixed: number } | null = null;
  for (const channel of contract.channels) {
    const names: string[] = [];
    const source = channel.address.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{([^}]+)\}/g, (_, name: string) => {
      names.push(name);
      return "([^/]+)";
    });
    const match = new RegExp(`^${source}$`).exec(topic);
    const fixed = channel.address.split("/").length - names.length;
    if (match && (!best || fixed > best.fixed))
      best = { channel, values: Object.fromEntries(names.map((name, i) => [name, match[i + 1]])), fixed };
  }
  return best;
}

export const qosInWords = (least: Qos): string => ["any", "1 or 2", "2"][least];
export const retainInWords = (retain: boolean | null): string =>
  retain === null ? "may be retained" : retain ? "always retained" : "never retained";
