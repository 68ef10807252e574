// A text with `code` in backquotes, as the reference has it.
import type { JSX } from "preact";

export function Prose({ text }: { text: string }): JSX.Element {
  return <>{text.split("`").map((piece, i) => (i % 2 ? <code key={i}>{piece}</code> : piece))}</>;
}
