// Small things of the Read view.
import type { ComponentChildren, JSX } from "preact";
import { href } from "../app/route";
import { Anchor } from "../ui/basics";

/** A heading that one can link to; @to is its page and place behind "read". */
export function Heading({ level = 2, to, isCode = false, children }: { level?: 1 | 2 | 3; to: string[]; isCode?: boolean; children: ComponentChildren }): JSX.Element {
  const Tag = `h${level}` as "h1" | "h2" | "h3";
  const label = typeof children === "string" ? children : to[to.length - 1];
  return <Tag id={to.join("/")}>{isCode ? <code>{children}</code> : children}<Anchor href={href(["read", ...to])} label={label} /></Tag>;
}

/** A scope may stand for several ("read:*"), which no page has. */
export function ScopeLinks({ scopes }: { scopes: string[] }): JSX.Element {
  return (
    <>
      {scopes.map((scope, i) => (
        <span key={scope}>{i > 0 ? ", " : ""}{scope.includes("*") ? <code>{scope}</code> : <a href={href(["read", "scopes", scope.replace(/:own$/, "")])}><code>{scope}</code></a>}</span>
      ))}
    </>
  );
}

/** Words with `scopes` or other code in backquotes, of which the scopes are links. */
export function Linked({ text, scopes }: { text: string; scopes: string[] }): JSX.Element {
  return (
    <>
      {text.split(/`([^`]*)`/).map((part, i) => (i % 2 === 0 ? part
        : scopes.includes(part.replace(/:own$/, "")) ? <ScopeLinks key={i} scopes={[part]} /> : <code key={i}>{part}</code>))}
    </>
  );
}
