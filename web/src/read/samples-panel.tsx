// Programs to copy, filled with the topic, the example, the account and the broker's address.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { brokers } from "../app/brokers";
import { contract, credentials } from "../app/session";
import type { Json } from "../contract/document";
import { filterOf, type Channel } from "../contract/model";
import { Prose, Tabs } from "../ui/basics";
import { Code } from "./message";
import { samplesFor, type Target } from "./samples";

export interface Fill { user: string; topic: string; payload: Json; isJson: boolean; qos: 0 | 1 | 2; retain: boolean }

const said = signal<Partial<Target>>({}); // what the reader wrote into the fields
const language = signal("mosquitto");

const isHere = (host: string) => /^(localhost|127\.0\.0\.1|\[?::1\]?)?$/.test(host);

function hostOf(url: string | undefined): string {
  try {
    return new URL(url ?? location.href).hostname;
  } catch {
    return "";
  }
}

/**
 * Where programs connect: as what is beside the page says of the broker that it is signed in to; else the contract's
 * first address. On that broker's host, or the page's, where this is just localhost.
 */
export function targetOf(user: string): Target {
  const known = brokers.at(credentials.value?.url);
  const server = contract.value?.servers.find(({ protocol }) => /^(secure-)?mqtts?$/.test(protocol)) ?? contract.value?.servers[0];
  const address = known?.mqtt ?? `${server?.protocol ?? "mqtts"}://${server?.host ?? ""}`;
  const [, protocol = "", name = "", port] = /^([\w-]+):\/\/\[?([^\]/]*?)\]?(?::(\d+))?(?:\/.*)?$/.exec(address) ?? [];
  const tls = /mqtts|secure|wss/.test(protocol);
  // A certificate names localhost, not its number.
  const from = location.protocol.startsWith("http") || credentials.value ? hostOf(credentials.value?.url) : "";
  const ca = !tls ? "" : known?.mqtt ? known.ca ?? "" : "ca.crt";
  return { host: (isHere(name) && !isHere(from) ? from : name) || "localhost", port: Number(port) || (tls ? 8883 : 1883), tls, ca, user: user || "USER", ...said.value };
}

/** Whose address it is, and where its authority's certificate is. */
function Whence({ target }: { target: Target }): JSX.Element {
  const known = brokers.at(credentials.value?.url);
  const isOwn = said.value.host !== undefined || said.value.port !== undefined;
  return (
    <p class="muted">
      {isOwn ? "" : known?.mqtt ? "The address is that of the broker that this page is signed in to."
        : credentials.value ? "The address is the contract's; the broker that this page is signed in to may have another one."
        : "The address is the contract's."}
      {!target.tls || !target.ca ? null : known?.ca === target.ca
        ? <> Its certificate is of the authority in <a href={known.ca} download={known.ca}>{known.ca}</a>: save that beside the program.</>
        : <> <code>{target.ca}</code> is the certificate of the authority that the broker's is of; the operator has it.</>}
    </p>
  );
}

function Fields({ target }: { target: Target }): JSX.Element {
  const set = (more: Partial<Target>) => { said.value = { ...said.value, ...more }; };
  return (
    <details class="sample-fields">
      <summary>Filled with <code>{target.host}:{target.port}</code>{target.tls ? ", TLS" : ", no TLS"}, user <code>{target.user}</code></summary>
      <div class="fields">
        <label>Host <input value={target.host} spellcheck={false} onInput={(event) => set({ host: event.currentTarget.value.trim() })} /></label>
        <label>Port <input type="number" min="1" max="65535" value={target.port} onInput={(event) => set({ port: Number(event.currentTarget.value) || target.port })} /></label>
        <label>User name <input value={target.user} spellcheck={false} onInput={(event) => set({ user: event.currentTarget.value })} /></label>
        <label>Authority's certificate <input value={target.ca} disabled={!target.tls} spellcheck={false} placeholder="those that the system trusts"
          onInput={(event) => set({ ca: event.currentTarget.value.trim() })} /></label>
        <label class="check"><input type="checkbox" checked={target.tls} onChange={(event) => set({ tls: event.currentTarget.checked })} /> TLS</label>
      </div>
    </details>
  );
}

export function Samples({ channel, fill, isSend, isReceive }: { channel: Channel; fill: Fill; isSend: boolean; isReceive: boolean }): JSX.Element {
  const [action, setAction] = useState<"send" | "receive">(isSend && channel.may?.send !== "no" || !isReceive ? "send" : "receive");
  const target = targetOf(fill.user);
  const samples = samplesFor({ ...fill, action, target, topic: action === "send" ? fill.topic : filterOf(channel.address) });
  const sample = samples.find(({ id }) => id === language.value) ?? samples[0];
  return (
    <section class="samples" aria-labelledby="samples-title">
      <h2 id="samples-title">Programs</h2>
      {isSend && isReceive ? (
        <div class="row" role="group" aria-label="What the program does">
          <button type="button" aria-pressed={action === "send"} onClick={() => setAction("send")}>Publish</button>
          <button type="button" aria-pressed={action === "receive"} onClick={() => setAction("receive")}>Subscribe</button>
        </div>
      ) : null}
      <Tabs label="Language" active={sample.id} onPick={(id) => { language.value = id; }} tabs={samples.map(({ id, label }) => ({ id, label }))} />
      <Code text={sample.code} label={`${sample.label} sample`} />
      <p class="muted"><Prose text={`${sample.note}${sample.id === "esp32" ? "" : " The password is read from `MQTT_PASSWORD`."}`} /></p>
      <Whence target={target} />
      <Fields target={target} />
    </section>
  );
}
