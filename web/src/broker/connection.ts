// One connection to a broker: MQTT 5 over websockets, with MQTT.js. What it does is told in words
// for people; its state is a signal. The console has one for itself, and makes another to try
// things with.
import { signal, type Signal } from "@preact/signals";
import type { IClientOptions, IPublishPacket, MqttClient } from "mqtt";
import { CommandError } from "./command-error";
import { explainClose, explainConnack } from "./words";

export { CommandError };

export const CONTROL = "$CONTROL/petstore/v1";
export const CONTROL_RESPONSE = "$CONTROL/petstore/v1/response";

const COMMAND_MS = 10_000; // an answer that takes longer is given up
const NEXT_MS = 3_000; // likewise one that is to follow another
const RECONNECT_MS = 2_000;
const SOON_MS = 10_000; // a connection that is lost before was none
const SOON_TIMES = 3; // one after the other: then it is given up

export interface Will { topic: string; payload: string | Uint8Array; qos: 0 | 1 | 2; retain: boolean }

export interface ConnectOptions {
  url: string;
  username: string; // "": none
  password: string;
  clientId: string;
  clean: boolean;
  sessionExpiry: number; // seconds; 0: the session ends with the connection
  will?: Will;
  keepalive?: number; // seconds
}

/** How a filter is subscribed to (MQTT 5). */
export interface SubscribeOptions {
  qos: 0 | 1 | 2;
  nl?: boolean; // no local: not what this connection publishes itself
  rap?: boolean; // retain as published
  rh?: 0 | 1 | 2; // retained messages: at once, at once when it is new, never
}

export type Phase =
  | { is: "off" }
  | { is: "connecting" }
  | { is: "on"; since: number; sessionPresent: boolean }
  | { is: "waiting"; why: string } // it was on, is not, and is tried again
  | { is: "failed"; why: string; hint?: string }; // given up: the reader has to do something

export interface Message {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  at: number; // when it came here, ms
  properties: IPublishPacket["properties"];
}

/** What the broker said to a PUBLISH: its reason code, 0 where it took the message. */
export interface Published { code: number; reason?: string }

interface Waiting {
  command: string;
  timer: number;
  /** Takes one answer's data; true: it was the last one. */
  take(data: unknown): boolean;
  reject(error: Error): void;
  /** No further answer comes. */
  giveUp(): void;
}

interface Response { command?: string; correlationData?: string; data?: unknown; error?: string; code?: string; scope?: string }

const decoder = new TextDecoder();

export class Connection {
  readonly phase: Signal<Phase> = signal({ is: "off" });
  /** How often it was on: changes when what was subscribed or asked must be asked again. */
  readonly times: Signal<number> = signal(0);
  private client: MqttClient | null = null;
  private readonly listeners = new Set<(message: Message) => void>();
  private readonly waiting = new Map<string, Waiting>();
  private readonly filters = new Map<string, SubscribeOptions>(); // subscribed anew after a loss
  private counter = 0;
  private hasCommands = false;
  options: ConnectOptions | null = null;

  /** Resolves once it is on; rejects with words for people when it was refused or failed. */
  async connect(options: ConnectOptions): Promise<void> {
    this.end();
    this.options = options;
    this.phase.value = { is: "connecting" };
    // Set up when it is needed first: that takes as long as to draw the page.
    const { default: mqtt } = await import("mqtt");
    if (this.options !== options || this.phase.value.is !== "connecting") throw new Error("Signed out."); // meanwhile
    await this.open(mqtt.connect, options);
  }

  private open(connect: (url: string, options: IClientOptions) => MqttClient, options: ConnectOptions): Promise<void> {
    const wanted: IClientOptions = {
      protocolVersion: 5,
      clientId: options.clientId,
      // A token comes without a name; the client sends no password without one, be it empty.
      username: options.username || (options.password ? "" : undefined),
      password: options.password || undefined,
      clean: options.clean,
      properties: { sessionExpiryInterval: options.sessionExpiry },
      keepalive: options.keepalive ?? 30,
      reconnectPeriod: RECONNECT_MS,
      connectTimeout: 10_000,
      resubscribe: false, // done here, with what is known of it
      timerVariant: "native",
      queueQoSZero: false,
      will: options.will && {
        topic: options.will.topic,
        payload: options.will.payload as never,
        qos: options.will.qos,
        retain: options.will.retain,
      },
    };
    return new Promise((resolve, reject) => {
      let client: MqttClient;
      let wasOn = false;
      let since = 0; // of a connection that is on
      let times = 0; // that it was lost soon
      const fail = (why: string, hint?: string) => {
        this.phase.value = { is: "failed", why, hint };
        if (this.client === client) this.client = null;
        client?.end(true);
        this.dropWaiting(why);
        reject(new Error(hint ? `${why} ${hint}` : why));
      };
      try {
        client = connect(options.url, wanted);
      } catch (error) {
        this.phase.value = { is: "failed", why: `${options.url} is no address of a broker: ${(error as Error).message}` };
        reject(error as Error);
        return;
      }
      this.client = client;
      client.on("connect", (packet) => {
        wasOn = true;
        since = Date.now();
        this.hasCommands = false;
        this.phase.value = { is: "on", since: Date.now(), sessionPresent: packet.sessionPresent };
        // A session that the broker kept has its filters.
        if (!packet.sessionPresent) for (const [filter, options] of this.filters) client.subscribe(filter, options);
        this.times.value++;
        resolve();
      });
      client.on("message", (topic, payload, packet) => {
        if (topic === CONTROL_RESPONSE) this.answer(payload);
        const message: Message = {
          topic, payload, qos: packet.qos, retain: packet.retain, dup: packet.dup,
          at: Date.now(), properties: packet.properties,
        };
        for (const listener of this.listeners) listener(message);
      });
      client.on("error", (error) => {
        const code = (error as { code?: number | string }).code;
        if (typeof code === "number") fail(explainConnack(code));
      });
      client.on("disconnect", (packet) => {
        // 0x8E: somebody came with the same client id. To come back would push that one out in turn.
        if (packet.reasonCode === 0x8e) fail("Another connection took this client id over.", "Sign in again to have it back.");
        else this.phase.value = { is: "waiting", why: explainClose(packet.reasonCode) };
      });
      client.on("close", () => {
        if (this.client !== client) return;
        this.dropWaiting("The connection was lost.");
        if (since > 0) times = Date.now() - since < SOON_MS ? times + 1 : 0;
        since = 0;
        if (times >= SOON_TIMES) {
          // Mosquitto 2.0 does not tell of a client id that is taken over: two that come back by turns would go on for ever.
          fail("The connection was lost again and again, soon after it was made: another one may use the same client id.", "Sign in again to have it back.");
        } else if (wasOn) {
          if (this.phase.value.is !== "waiting")
            this.phase.value = { is: "waiting", why: "The connection was lost." };
        } else {
          fail("No connection.", "unreachable");
        }
      });
    });
  }

  end(): void {
    const client = this.client;
    this.client = null;
    this.filters.clear();
    this.dropWaiting("Signed out.");
    client?.end(false, {}, () => client.stream?.destroy());
    this.phase.value = { is: "off" };
  }

  /** Cuts the connection off without DISCONNECT, so that the broker sends the last will. */
  cut(): void {
    const client = this.client;
    this.client = null;
    this.filters.clear();
    this.dropWaiting("Cut off.");
    client?.end(true);
    this.phase.value = { is: "off" };
  }

  onMessage(listener: (message: Message) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves with the code the broker gave: a refusal is no exception. Rejects where no answer came. */
  publish(topic: string, payload: string | Uint8Array, options: {
    qos: 0 | 1 | 2; retain?: boolean; properties?: IPublishPacket["properties"];
  }): Promise<Published> {
    const client = this.client;
    if (!client || this.phase.value.is !== "on") return Promise.reject(new Error("There is no connection."));
    return new Promise((resolve, reject) => {
      client.publish(topic, payload as never, { qos: options.qos, retain: options.retain, properties: options.properties as never },
        (error, packet) => {
          const code = (error as { code?: number } | null)?.code;
          const answer = packet as { reasonCode?: number; properties?: { reasonString?: string } } | undefined;
          if (error && typeof code !== "number") reject(error);
          else resolve({ code: code ?? answer?.reasonCode ?? 0, reason: answer?.properties?.reasonString });
        });
    });
  }

  /** The granted QoS, or the code of the refusal (128 and more). */
  subscribe(filter: string, wanted: 0 | 1 | 2 | SubscribeOptions): Promise<number> {
    const client = this.client;
    const options = typeof wanted === "number" ? { qos: wanted } : wanted;
    if (!client) return Promise.reject(new Error("There is no connection."));
    return new Promise((resolve, reject) => {
      client.subscribe(filter, options, (error, granted, packet) => {
        const code = (packet as { granted?: number[] } | undefined)?.granted?.[0]
          ?? (error as { code?: number } | null)?.code ?? granted?.[0]?.qos;
        if (typeof code !== "number") {
          reject(error ?? new Error("no answer"));
          return;
        }
        if (code < 128) this.filters.set(filter, options);
        resolve(code);
      });
    });
  }

  /** The broker's session has the filter already, from before: it is not asked for again now. */
  assume(filter: string, options: SubscribeOptions): void {
    this.filters.set(filter, options);
  }

  unsubscribe(filter: string): Promise<void> {
    const client = this.client;
    this.filters.delete(filter);
    if (!client) return Promise.resolve();
    return new Promise((resolve) => client.unsubscribe(filter, () => resolve()));
  }

  /** Gives the plugin a command and waits for its answer's data. Rejects with CommandError. */
  async command<T>(command: string, members: Record<string, unknown> = {}): Promise<T> {
    return (await this.commandParts<T>(command, members, () => true))[0];
  }

  /**
   * The same of a command that has several answers, each in a message of its own: those that came
   * until @isLast, or until the next one is missing for a while.
   */
  async commandParts<T>(command: string, members: Record<string, unknown>, isLast: (came: T[]) => boolean): Promise<T[]> {
    if (!this.hasCommands) {
      this.hasCommands = true;
      const code = await this.subscribe(CONTROL_RESPONSE, 1);
      if (code >= 128) {
        this.hasCommands = false;
        throw new CommandError("The broker gives this account no answers to commands.", "no-commands");
      }
    }
    const correlationData = `${++this.counter}`;
    const request = JSON.stringify({ commands: [{ command, ...members, correlationData }] });
    const came: T[] = [];
    const answer = new Promise<T[]>((resolve, reject) => {
      const giveUp = () => {
        this.waiting.delete(correlationData);
        if (came.length > 0) resolve(came);
        else reject(new CommandError(`The broker did not answer "${command}".`, "no-answer"));
      };
      const take = (data: unknown) => {
        came.push(data as T);
        const isDone = isLast(came);
        if (isDone) resolve(came);
        return isDone;
      };
      this.waiting.set(correlationData, { command, timer: window.setTimeout(giveUp, COMMAND_MS), take, reject, giveUp });
    });
    const forget = (error: Error) => {
      const waiting = this.waiting.get(correlationData);
      if (!waiting) return;
      clearTimeout(waiting.timer);
      this.waiting.delete(correlationData);
      waiting.reject(error);
    };
    this.publish(CONTROL, request, { qos: 1 }).then(({ code }) => {
      if (code >= 128) forget(new CommandError("The broker takes no commands from this account.", "no-commands"));
    }, forget);
    return answer;
  }

  private answer(payload: Uint8Array): void {
    let responses: Response[];
    try {
      responses = (JSON.parse(decoder.decode(payload)) as { responses?: Response[] }).responses ?? [];
    } catch {
      return;
    }
    for (const response of responses) {
      const waiting = this.waiting.get(response.correlationData ?? "");
      if (!waiting) continue;
      clearTimeout(waiting.timer);
      if (response.error === undefined && !waiting.take(response.data)) {
        waiting.timer = window.setTimeout(waiting.giveUp, NEXT_MS);
        continue;
      }
      this.waiting.delete(response.correlationData ?? "");
      if (response.error !== undefined) waiting.reject(new CommandError(response.error, response.code, response.scope));
    }
  }

  private dropWaiting(why: string): void {
    for (const { timer, reject } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new CommandError(why, "no-connection"));
    }
    this.waiting.clear();
  }
}
