// The frame: what is where, who is signed in, how the connection is.
import type { JSX } from "preact";
import { IconButton, Note, Time } from "../ui/basics";
import { Icon } from "../ui/icons";
import { PhaseBadge } from "../ui/phase";
import { Read } from "../read";
import { Try } from "../try";
import { Watch } from "../watch";
import { href, route } from "./route";
import { connection, contract, credentials, isBusy, isLoading, signOut, trouble, whoami } from "./session";
import { SignIn } from "./signin";
import { theme, toggleTheme } from "./theme";

const VIEWS = [
  { id: "read", label: "Read" },
  { id: "try", label: "Try" },
  { id: "watch", label: "Watch" },
];

/** Is something only observed, or was a mode forced? One should see that. */
function Modes(): JSX.Element | null {
  const modes = whoami.value?.modes;
  const odd = Object.entries(modes ?? {}).filter(([, { mode, forced }]) => mode !== "enforce" || forced);
  if (odd.length === 0) return null;
  return (
    <div class="modes" role="status">
      <Icon name="warn" />
      {odd.map(([group, { mode, forced }]) => (
        <span key={group}>
          {group}: {mode === "observe" ? "only observed, nothing is refused" : mode === "off" ? "not checked" : "enforced"}
          {forced ? " (forced by a command until the next reload)" : ""}
        </span>
      ))}
    </div>
  );
}

/** The broker only says that it refuses; that the token was over is known here. */
function Why({ why, hint = "" }: { why: string; hint?: string }): JSX.Element {
  const ends = whoami.value?.expires;
  if (ends && Date.parse(ends) <= Date.now()) return <>The token ended at <Time at={ends} />: sign in with a new one.</>;
  return <>{why} {hint}</>;
}

export function Shell(): JSX.Element {
  const view = route.value.path[0] ?? "read";
  const phase = connection.phase.value;
  const isIn = phase.is === "on" || phase.is === "waiting";
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <a class="brand" href={href(["read"])}>{contract.value?.title ?? "Console"}</a>
        <nav class="views" aria-label="Views">
          {VIEWS.map(({ id, label }) => (
            <a key={id} href={href([id])} aria-current={id === view ? "page" : undefined}>{label}</a>
          ))}
        </nav>
        <div class="account">
          <span role="status"><PhaseBadge phase={phase} /></span>
          {whoami.value ? <span class="who" title={`client ${whoami.value.clientId}`}>{whoami.value.principal}</span> : null}
          {isIn
            ? <button type="button" onClick={signOut}>Sign out</button>
            : <a class="button" href={href(["sign-in"])}>Sign in</a>}
          <IconButton icon={theme.value === "dark" ? "sun" : "moon"}
            label={theme.value === "dark" ? "Light colours" : "Dark colours"} onClick={toggleTheme} />
        </div>
      </header>
      <Modes />
      {phase.is === "waiting" ? <Note tone="warn">{phase.why} Trying again; what is on the page stays.</Note> : null}
      {phase.is === "failed" && phase.hint !== "unreachable" && credentials.value ? <Note tone="bad"><Why {...phase} /></Note> : null}
      {isBusy.value ? <Note tone="warn">The broker is answering others first. The contract is asked for again in a moment; nothing is to be done.</Note> : null}
      {trouble.value ? <Note tone="bad">{trouble.value}</Note> : null}
      <main id="main" tabIndex={-1} aria-busy={isLoading.value}>
        {view === "sign-in" && !isIn ? <SignIn />
          : view === "try" ? <Try />
          : view === "watch" ? <Watch />
          : <Read />}
      </main>
    </>
  );
}
