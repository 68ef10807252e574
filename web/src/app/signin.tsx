// Who are you, and where is the broker?
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Note } from "../ui/basics";
import { brokers } from "./brokers";
import { href, route } from "./route";
import { connection, freshId, signIn } from "./session";
import { Untrusted } from "./untrusted";

export function SignIn(): JSX.Element {
  const known = brokers.remembered();
  const [url, setUrl] = useState(known.url ?? brokers.list.value[0].url);
  const [username, setUsername] = useState(known.username ?? "");
  const [password, setPassword] = useState("");
  const [clientId, setClientId] = useState("");
  const [why, setWhy] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    void brokers.look().then(() => {
      // Not over what somebody typed meanwhile.
      if (!known.url) setUrl((now) => (now === url ? brokers.list.value[0].url : now));
    });
  }, []);

  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setWhy(null);
    signIn(url, username, password, clientId || freshId(username, "console"))
      .then(() => {
        // Whoever signed in elsewhere, in Try for example, stays there.
        if (location.hash.startsWith(href(["sign-in"]))) location.replace(href(["read"]));
      })
      .catch((error: Error) => setWhy(error.message))
      .finally(() => setBusy(false));
  };
  const failed = connection.phase.value.is === "failed" ? connection.phase.value : null;
  return (
    <section class="sign-in" aria-labelledby="sign-in-title">
      <h1 id="sign-in-title">Sign in</h1>
      <p class="muted">With an account of the broker. You see and do here what that account may, and nothing else.</p>
      {route.value.path[0] === "try" && route.value.params.has("m")
        ? <Note tone="accent">A link brought a prepared message: sign in to look at it.</Note> : null}
      <form onSubmit={submit}>
        <label>
          Broker
          <input name="url" list="known-brokers" required value={url} spellcheck={false} autocomplete="off"
            pattern="wss?://.*" title="ws:// or wss://, a host and a port"
            onInput={(event) => setUrl(event.currentTarget.value)} />
        </label>
        <datalist id="known-brokers">
          {brokers.list.value.map((it) => <option key={it.url} value={it.url}>{it.name}</option>)}
        </datalist>
        {/* The field offers only what its text is like, and that is one of them already. */}
        {brokers.list.value.length > 1 ? (
          <div class="row" role="group" aria-label="Choose one">
            {brokers.list.value.map((it) => (
              <button key={it.url} type="button" class="small" aria-pressed={it.url === url} title={it.url} onClick={() => setUrl(it.url)}>{it.name || it.url}</button>
            ))}
          </div>
        ) : null}
        <label>
          User name
          <input name="username" value={username} autocomplete="username" spellcheck={false} autocapitalize="none"
            onInput={(event) => setUsername(event.currentTarget.value)} />
        </label>
        <label>
          Password or token
          <input name="password" type="password" value={password} autocomplete="current-password"
            onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        <details>
          <summary>Client id</summary>
          <label>
            Client id
            <input name="client-id" value={clientId} placeholder={`${username || "user"}/console-…`} spellcheck={false}
              onInput={(event) => setClientId(event.currentTarget.value)} />
          </label>
          <p class="muted">Empty: one of its own, which begins with the user name. Some accounts may use certain ids only.</p>
        </details>
        <button class="primary" disabled={isBusy}>{isBusy ? "Connecting…" : "Sign in"}</button>
      </form>
      {why && failed?.hint === "unreachable" ? <Untrusted url={url} />
        : why ? <Note tone="bad">{why}</Note> : null}
    </section>
  );
}
