// Who is signed in, and the contract that is in force for this account.
import { computed, effect, signal } from "@preact/signals";
import { fetchContract, patiently, type Whoami } from "../broker/commands";
import { Connection } from "../broker/connection";
import { loadContract, type Contract } from "../contract/model";
import { brokers } from "./brokers";

/** The console's own connection: commands, and what is watched. Trying has another one. */
export const connection = new Connection();
export const whoami = signal<Whoami | null>(null);
/** What went wrong after signing in, in a sentence; null: nothing. */
export const trouble = signal<string | null>(null);
/** The contract: the account's, else the one that was built in, once it was read. */
export const contract = signal<Contract | null>(null);
export const isLoading = signal(false);
/** The broker answers others first, and is asked again. */
export const isBusy = signal(false);

export const isSignedIn = computed(() => whoami.value !== null);
export const may = (command: string) => whoami.value?.commands.includes(command) ?? false;

/** Kept in memory alone, for the connection that Try makes and for coming back. */
export const credentials = signal<{ url: string; username: string; password: string } | null>(null);

export function readBuiltIn(): void {
  const text = document.getElementById("built-in")?.textContent;
  contract.value = text ? loadContract(JSON.stringify({ documents: [JSON.parse(text)], may: [] })) : null;
}

/** A client id that the shipped rule takes: the user name, a slash, and something of our own. */
export function freshId(username: string, kind: string): string {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => byte.toString(36)).join("").slice(0, 6);
  return username ? `${username}/${kind}-${random}` : `${kind}-${random}`;
}

export async function signIn(url: string, username: string, password: string, clientId: string): Promise<void> {
  whoami.value = null;
  trouble.value = null;
  await connection.connect({ url, username, password, clientId, clean: true, sessionExpiry: 0 });
  credentials.value = { url, username, password };
  brokers.remember(url, username);
}

export function signOut(): void {
  connection.end();
  credentials.value = null;
  whoami.value = null;
  trouble.value = null;
  readBuiltIn();
}

const WHOAMI_TIMES = 10; // that it is asked again while the broker is busy

/** Asks anew who we are and, where it is another one than before, for the contract. */
export async function refresh(): Promise<void> {
  isLoading.value = true;
  try {
    const onBusy = () => { isBusy.value = true; };
    const who = await patiently(() => connection.command<Whoami>("whoami"), WHOAMI_TIMES, onBusy);
    const isSame = whoami.value !== null && whoami.value.contract.digest === who.contract.digest
      && String(whoami.value.scopes) === String(who.scopes) && String(whoami.value.own) === String(who.own);
    whoami.value = who;
    if (!isSame || !contract.value) contract.value = loadContract(await fetchContract(connection, onBusy));
    trouble.value = null;
  } catch (error) {
    trouble.value = (error as Error).message;
  } finally {
    isLoading.value = isBusy.value = false;
  }
}

// After each time that the connection came to be.
effect(() => {
  if (connection.times.value > 0) void refresh();
});

// A contract or an account may be loaded anew meanwhile, of which nobody is told.
const AGAIN_MS = 30_000;
function lookAgain(): void {
  if (whoami.value && connection.phase.value.is === "on" && document.visibilityState === "visible") void refresh();
}
setInterval(lookAgain, AGAIN_MS);
addEventListener("focus", lookAgain);
