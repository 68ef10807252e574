// Scopes, reasons, alerts, limits, and how to connect.
import type { JSX } from "preact";
import { href } from "../app/route";
import { credentials, whoami } from "../app/session";
import { brokers } from "../app/brokers";
import type { Json, JsonObject } from "../contract/document";
import type { Channel, Contract } from "../contract/model";
import { alertKinds, reasons } from "../contract/reference";
import { Badge, Copy, Prose, Scroll } from "../ui/basics";
import { Heading } from "./bits";
import { Fold } from "./fold";
import { limitsInWords, modeInWords, seconds } from "./words";

export function Topics({ channels }: { channels: Channel[] }): JSX.Element {
  return <>{channels.map(({ id, address }) => <div key={id}><a href={href(["read", "channel", id])}><code>{address}</code></a></div>)}</>;
}

function held(scope: string): string | null {
  const who = whoami.value;
  if (!who) return null;
  const covers = (pattern: string) => pattern === "*" || pattern === scope || (pattern.endsWith("*") && scope.startsWith(pattern.slice(0, -1)));
  return who.scopes.some(covers) ? "you have it" : who.own.some((it) => covers(it.replace(/:own$/, ""))) ? "you have it, for your own" : null;
}

export function Scopes({ contract }: { contract: Contract }): JSX.Element {
  const using = (scope: string, action: string) =>
    contract.channels.filter((it) => it.operations.some((operation) => operation.action === action && operation.scopes.flat().includes(scope)));
  return (
    <>
      <Heading level={1} to={["scopes"]}>Scopes</Heading>
      <p>A scope is a right that an operation asks for; roles give it to accounts. With <code>:own</code> behind it a role gives it for what belongs to the account alone.</p>
      {contract.scopes.length === 0 ? <p>This contract has none.</p> : (
        <Scroll label="Scopes">
          <table>
            <thead><tr><th scope="col">scope</th><th scope="col">what it is for</th><th scope="col">publish</th><th scope="col">subscribe</th><th scope="col">steps</th></tr></thead>
            <tbody>
              {contract.scopes.map(({ name, description }) => (
                <tr key={name} id={`scopes/${name}`}>
                  <th scope="row"><code>{name}</code> <Copy text={name} label={`Copy ${name}`} />{held(name) ? <div><Badge tone="good">{held(name)}</Badge></div> : null}</th>
                  <td>{description}</td>
                  <td data-label="publish"><Topics channels={using(name, "send")} /></td>
                  <td data-label="subscribe"><Topics channels={using(name, "receive")} /></td>
                  <td data-label="steps">
                    {contract.machines.map((machine) => {
                      const steps = machine.steps.filter((step) => step.scope === name);
                      if (steps.length === 0 && machine.correct !== name) return null;
                      return (
                        <div key={machine.name}><a href={href(["read", "machine", machine.name])}>{machine.name}</a>: {machine.correct === name ? "any, to correct it"
                          : steps.map(({ from, to }) => `${from ?? "beginning"} → ${to}`).join(", ")}</div>
                      );
                    })}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </>
  );
}

export function Reasons(): JSX.Element {
  return (
    <>
      <Heading level={1} to={["reasons"]}>Reasons of a refusal</Heading>
      <p>Codes are stable: none is renamed or used for something else. A client of MQTT 5 is told that a message was refused by the code 135 of its acknowledgement, and
        why by a notice on <code>refusals/</code>, where the contract has that topic.</p>
      <Scroll label="Reasons">
        <table class="reasons">
          <thead><tr><th scope="col">reason</th><th scope="col">what it means</th><th scope="col">what to do</th><th scope="col">MQTT 3.1.1, QoS 1 and 2</th></tr></thead>
          <tbody>
            {reasons.map(({ code, title, means, todo, isOurs }) => (
              <tr key={code} id={`reasons/${code}`}>
                <th scope="row"><a href={href(["read", "reasons", code])}><code>{code}</code></a></th>
                <td><b>{title}.</b> <Prose text={means} /></td><td data-label="what to do"><Prose text={todo} /></td>
                <td data-label="MQTT 3.1.1">{isOurs ? "closed, to be sent again" : "acknowledged"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

export function Alerts(): JSX.Element {
  return (
    <>
      <Heading level={1} to={["alerts"]}>Alerts</Heading>
      <p>An alert reports something unusual. It is raised once and cleared once, on <code>alerts/</code>, where the contract has that topic. The operator can change the thresholds.</p>
      <Scroll label="Alerts">
        <table>
          <thead><tr><th scope="col">alert</th><th scope="col">raised by default when</th><th scope="col">what to do</th></tr></thead>
          <tbody>
            {alertKinds.map(({ code, title, means, todo }) => (
              <tr key={code} id={`alerts/${code}`}>
                <th scope="row"><a href={href(["read", "alerts", code])}><code>{code}</code></a></th>
                <td><b>{title}.</b> <Prose text={means} /></td><td data-label="what to do"><Prose text={todo} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

const PRESETS = "The document says nothing of it: a payload has at most 65,536 bytes.";

export function Limits({ contract }: { contract: Contract }): JSX.Element {
  const own = contract.channels.map((channel) => ({ channel, said: limitsInWords(channel.raw["x-limits"]) })).filter(({ said }) => said.length > 0);
  return (
    <>
      <Heading level={1} to={["limits"]}>Limits</Heading>
      {contract.documents.map(({ root }, i) => {
        const said = limitsInWords(root["x-limits"]);
        const unlisted = unlistedInWords(root["x-unlisted"]);
        return (
          <section key={i}>
            {contract.documents.length > 1 ? <h2>{String((root.info as JsonObject | undefined)?.title ?? `Document ${i + 1}`)}</h2> : null}
            <ul>
              {said.length > 0 ? said.map((it) => <li key={it}>{it[0].toUpperCase() + it.slice(1)}.</li>) : <li>{PRESETS}</li>}
              <li>{unlisted}</li>
              <li>{modeInWords(root["x-mode"]) ?? "What breaks a rule is refused."}</li>
            </ul>
          </section>
        );
      })}
      {own.length > 0 ? (
        <>
          <h2 id="limits/topics">Of single topics</h2>
          <Scroll label="Limits of topics">
            <table>
              <thead><tr><th scope="col">topic</th><th scope="col">limits</th></tr></thead>
              <tbody>{own.map(({ channel, said }) => <tr key={channel.id}><th scope="row"><Topics channels={[channel]} /></th><td>{said.map((it) => <div key={it}>{it}</div>)}</td></tr>)}</tbody>
            </table>
          </Scroll>
        </>
      ) : null}
      <p>A role may have limits of its own beside these; the stricter one holds.</p>
    </>
  );
}

function unlistedInWords(unlisted: Json | undefined): string {
  const at = typeof unlisted === "object" && unlisted !== null && !Array.isArray(unlisted) ? unlisted : null;
  const mode = at ? at.mode : unlisted;
  const who = (name: string, word: string) => Array.isArray(at?.[name]) ? `${word} by who has ${(at[name] as Json[]).join(" and ")}` : `${word} by nobody`;
  if (mode === "pass") return `Topics that are not in the contract pass: ${at ? `${who("send", "published to")}, ${who("receive", "read")}` : "for every user of the access file"}.`;
  if (mode === "observe") return "Topics that are not in the contract pass, and are reported.";
  return "Topics that are not in the contract are refused.";
}

const PROTOCOLS: Record<string, [string, number]> = {
  mqtt: ["MQTT, without TLS", 1883], mqtts: ["MQTT over TLS", 8883], "secure-mqtt": ["MQTT over TLS", 8883],
  ws: ["MQTT over websockets", 80], wss: ["MQTT over websockets and TLS, for browsers", 443],
};

export function Servers({ contract }: { contract: Contract }): JSX.Element {
  const url = credentials.value?.url;
  // A page that was opened as a file knows of no broker.
  const known = location.protocol.startsWith("http") ? brokers.list.value.filter((it) => it.url !== url) : [];
  const programs = brokers.list.value.flatMap((it) => (it.mqtt && (!url || it.url === url) ? [it.mqtt] : []));
  const rows = contract.servers.map((it) => {
    const [words, port] = PROTOCOLS[it.protocol.toLowerCase()] ?? [it.protocol, 0];
    const host = /:\d+(\/|$)/.test(it.host) || !port ? it.host : it.host.replace(/^([^/]*)/, `$1:${port}`);
    return { key: it.key, address: `${it.protocol}://${host}`, words, description: it.description, security: it.security, version: it.protocolVersion };
  });
  const schemes = contract.documents.flatMap(({ root }) => Object.entries((root.components as JsonObject | undefined)?.securitySchemes as JsonObject ?? {}))
    .filter(([name]) => rows.some(({ security }) => security.includes(name)));
  return (
    <>
      <Heading level={1} to={["servers"]}>How to connect</Heading>
      <Scroll label="Addresses">
        <table>
          <thead><tr><th scope="col">address</th><th scope="col">what it is</th></tr></thead>
          <tbody>
            {url ? <tr><th scope="row"><code>{url}</code> <Copy text={url} label="Copy the address" /></th><td>This page is connected here{url.startsWith("wss:") ? ": MQTT over websockets and TLS" : url.startsWith("ws:") ? ": MQTT over websockets" : ""}.</td></tr> : null}
            {known.map((it) => <tr key={it.url}><th scope="row"><code>{it.url}</code> <Copy text={it.url} label="Copy the address" /></th><td>{it.name ?? "MQTT over websockets, for browsers"}</td></tr>)}
            {programs.map((address) => <tr key={address}><th scope="row"><code>{address}</code> <Copy text={address} label="Copy the address" /></th><td>For programs: MQTT{address.startsWith("mqtts:") ? " over TLS" : ", without TLS"}.</td></tr>)}
            {rows.map(({ key, address, words, description, version }) => (
              <tr key={key}>
                <th scope="row"><code>{address}</code> <Copy text={address} label="Copy the address" /></th>
                <td>{words}{version ? `, version ${version}` : ""}. From the contract, as <b>{key}</b>. {description ? <Fold text={description} /> : null}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {rows.length === 0 ? <p>The contract names no server. The operator knows the addresses.</p> : null}
      <h2 id="servers/proof">How to prove who one is</h2>
      {schemes.length > 0
        ? <ul>{schemes.map(([name, raw]) => <li key={name}><b>{name}</b>: {String((raw as JsonObject).description ?? (raw as JsonObject).type ?? "")}</li>)}</ul>
        : <p>With the user name and password, the certificate or the token that the operator gave you.</p>}
      <h2 id="servers/client-id">Client id</h2>
      <p>Each connection needs a client id of its own: two with the same one end each other's connection. Ids that begin with the user name and a slash{" "}
        (<code>{whoami.value ? `${whoami.value.principal}/something` : "user/something"}</code>) are taken by the accounts that come with the product; others may ask for other ids.</p>
      <h2 id="servers/session">Sessions and acknowledgements</h2>
      <ul>
        <li>Use MQTT 5 where you can: a refused message is answered with a code from 128 on. MQTT 3.1.1 acknowledges it like any other.</li>
        <li>Subscribe to your own notices ({whoami.value?.notices ? <code>{whoami.value.notices}</code> : <code>refusals/user/client id</code>}) to learn why a message was refused.</li>
        <li>To miss nothing while away, keep the session: clean start off, and a session expiry of, say, {seconds(86400)}.</li>
      </ul>
    </>
  );
}
