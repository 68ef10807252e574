// How a connection is, in a word.
import type { JSX } from "preact";
import type { Phase } from "../broker/connection";
import { Badge, type Tone } from "./basics";

const WORDS: Record<Phase["is"], [Tone, string]> = {
  on: ["good", "connected"],
  connecting: ["accent", "connecting…"],
  waiting: ["warn", "reconnecting…"],
  failed: ["bad", "not connected"],
  off: ["plain", "offline"],
};

export function PhaseBadge({ phase }: { phase: Phase }): JSX.Element {
  const [tone, word] = WORDS[phase.is];
  return <Badge tone={tone}>{word}</Badge>;
}
