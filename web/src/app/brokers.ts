// Which brokers the sign-in form offers: those that brokers.json beside the page names; else the
// page's own host and port, which Mosquitto 2.0 serves both page and websockets from; else, for a
// page that was opened as a file, what `make run` starts.
import { signal } from "@preact/signals";

export interface Broker {
  url: string;
  name?: string;
  mqtt?: string; // where programs connect: mqtts://HOST:PORT, or mqtt://
  ca?: string; // a file beside the page: the authority of that one's certificate
}

const KEY = "petstore-console";
const list = signal<Broker[]>(initial());

function initial(): Broker[] {
  if (location.protocol === "http:" || location.protocol === "https:")
    return [{ url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/` }];
  return [{ url: "wss://localhost:8084/" }];
}

const isBroker = (at: unknown): at is Broker =>
  typeof at === "object" && at !== null && /^wss?:\/\//.test(String((at as Broker).url));

/** Of what somebody wrote, what is as it should be: a link to a file beside the page leads nowhere else. */
const read = ({ url, name, mqtt, ca }: Broker): Broker => ({
  url: String(url),
  ...(typeof name === "string" ? { name } : {}),
  ...(/^mqtts?:\/\/[^/]+:\d+$/.test(String(mqtt)) ? { mqtt } : {}),
  ...(/^[\w-][\w.-]*$/.test(String(ca)) ? { ca } : {}),
});

async function look(): Promise<void> {
  if (!location.protocol.startsWith("http")) return;
  try {
    const answer = await fetch("brokers.json", { cache: "no-store" });
    if (!answer.ok) return;
    const found = ((await answer.json()) as { brokers?: unknown[] }).brokers?.filter(isBroker).map(read) ?? [];
    if (found.length > 0) list.value = found;
  } catch {
    // There is none, or it is no JSON: the page's own address stays.
  }
}

function remembered(): { url?: string; username?: string } {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as { url?: string; username?: string };
  } catch {
    return {};
  }
}

function remember(url: string, username: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ url, username }));
  } catch {
    // Storage is off: the form is empty next time.
  }
}

/** What is known of the broker at @url. */
const at = (url: string | undefined): Broker | undefined => list.value.find((it) => it.url === url);

export const brokers = { at, list, look, remembered, remember };
