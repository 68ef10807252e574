// Small things that every view uses.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

const SAID_MS = 1500;

/**
 * Copies @text; says so for a moment. Works without the clipboard API, too (a page opened as a file). @word is shown
 * beside the picture, where several stand near each other; @label, what is said of it, has the word in it.
 */
export function Copy({ text, label = "Copy", word }: { text: string | (() => string); label?: string; word?: string }): JSX.Element {
  const [said, say] = useState<"" | "Copied" | "Could not copy">("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => say(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <button type="button" class="copy" title={said || label} aria-label={said || label}
      onClick={() => void copyText(typeof text === "string" ? text : text()).then((ok) => say(ok ? "Copied" : "Could not copy"))}>
      <Icon name={said === "Copied" ? "check" : "copy"} />{word}
      <span class="live" role="status">{said}</span>
    </button>
  );
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    area.className = "offscreen";
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    return isDone;
  }
}

/** A button with an icon, and words for who can't see it. */
export function IconButton({ icon, label, pressed, onClick, disabled }: {
  icon: IconName; label: string; pressed?: boolean; onClick: () => void; disabled?: boolean;
}): JSX.Element {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** A time in the reader's zone; the exact one, in UTC, beside it for who points at it. */
export function Time({ at }: { at: string | number }): JSX.Element {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{String(at)}</span>;
  const isToday = date.toDateString() === new Date().toDateString();
  return (
    <time dateTime={date.toISOString()} title={date.toISOString()}>
      {isToday ? CLOCK.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`}
    </time>
  );
}

export type Tone = "good" | "bad" | "warn" | "plain" | "accent";

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** One sentence about the state of things. */
export function Note({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }): JSX.Element {
  return (
    <p class={`note ${tone}`} role={tone === "bad" ? "alert" : undefined}>
      {tone !== "plain" && tone !== "accent" ? <Icon name={tone === "good" ? "check" : "warn"} /> : null}
      <span>{children}</span>
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

export interface Tab { id: string; label: ComponentChildren; href?: string }

/** Tabs as links or buttons; the content is the caller's. */
export function Tabs({ tabs, active, onPick, label }: {
  tabs: Tab[]; active: string; onPick?: (id: string) => void; label: string;
}): JSX.Element {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone a row of tabs goes on beyond the edge: the active one is brought into sight.
    const at = bar.current!;
    const tab = at.querySelector<HTMLElement>("[aria-current], [aria-pressed='true']");
    if (!tab || at.scrollWidth <= at.clientWidth) return;
    const place = tab.getBoundingClientRect();
    const seen = at.getBoundingClientRect();
    if (place.right > seen.right) at.scrollLeft += place.right - seen.right;
    else if (place.left < seen.left) at.scrollLeft -= seen.left - place.left;
  }, [active]);
  return (
    <nav ref={bar} class="tabs" aria-label={label}>
      {tabs.map(({ id, label, href }) => href !== undefined
        ? <a key={id} href={href} aria-current={id === active ? "page" : undefined}>{label}</a>
        : <button key={id} type="button" aria-pressed={id === active} onClick={() => onPick?.(id)}>{label}</button>)}
    </nav>
  );
}

/** A table that scrolls sideways by itself on a narrow screen, and can be reached by keyboard then. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return <div class="scroll" tabIndex={0} role="region" aria-label={label}>{children}</div>;
}

/** What a link to here is, by anchor. */
export function Anchor({ href, label }: { href: string; label: string }): JSX.Element {
  return <a class="anchor" href={href} aria-label={`Link to ${label}`} title={`Link to ${label}`}><Icon name="link" /></a>;
}

/** Text of ours with `code` in backquotes. */
export function Prose({ text }: { text: string }): JSX.Element {
  return <>{text.split(/`([^`]*)`/).map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}
