// Which brokers the sign-in form offers: those that brokers.json beside the page names; else the
// page's own host and port, which Mosquitto 2.0 serves both page and websockets from; else, for a
// page that was opened as a file, what `make run` starts.
import { signal } from "@preact/signals";

export interface Broker { url: string; name?: string }

const KEY = "petstore-console";
const list = signal<Broker[]>(initial());

function initial(): Broker[] {
  if (location.protocol === "http:" || location.protocol === "https:")
    return [{ url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/` }];
  return [{ url: "wss://localhost:8084/" }];
}

function isBroker(at: unknown): at is Broker {
  return typeof at === "object" && at !== null && /^wss?:\/\//.test(String((at as Broker).url));
}

async function look(): Promise<void> {
  if (!location.protocol.startsWith("http")) return;
  try {
    const answer = await fetch("brokers.json", { cache: "no-store" });
    if (!answer.ok) return;
    const found = ((await answer.json()) as { brokers?: unknown[] }).brokers?.filter(isBroker) ?? [];
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

export const brokers = { list, look, remembered, remember };
