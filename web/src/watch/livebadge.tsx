// Does what comes come by itself now?
import type { JSX } from "preact";
import { connection } from "../app/session";
import { Badge } from "../ui/basics";
import { useEffect, useRef, useState } from "preact/hooks";

export function LiveBadge({ isFrozen = false, isOn = true }: { isFrozen?: boolean; isOn?: boolean }): JSX.Element {
  if (!isOn || connection.phase.value.is !== "on") return <Badge>not live</Badge>;
  return <Badge tone={isFrozen ? "warn" : "good"}>{isFrozen ? "paused" : "live"}</Badge>;
}

const SAID_MS = 15_000;

/** How many came, said now and then for who does not see the list; never each of them. */
export function Said({ total, what }: { total: number; what: (count: number) => string }): JSX.Element {
  const [said, say] = useState(total);
  const now = useRef(total);
  now.current = total;
  useEffect(() => {
    const timer = setInterval(() => say(now.current), SAID_MS);
    return () => clearInterval(timer);
  }, []);
  return <span class="live" role="status">{said > 0 ? what(said) : null}</span>;
}
