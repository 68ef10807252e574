// Does what comes come by itself now?
import type { JSX } from "preact";
import { connection } from "../app/session";
import { Badge } from "../ui/basics";

export function LiveBadge({ isFrozen = false, isOn = true }: { isFrozen?: boolean; isOn?: boolean }): JSX.Element {
  if (!isOn || connection.phase.value.is !== "on") return <Badge>not live</Badge>;
  return <Badge tone={isFrozen ? "warn" : "good"}>{isFrozen ? "paused" : "live"}</Badge>;
}
