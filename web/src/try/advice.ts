// What to do about a refusal of what was sent in Try.
import { reasonOf } from "../contract/reference";
import type { Notice } from "./answers";

/** In words of this page; other reasons have those of the reference. */
const ADVICE: Record<string, string> = {
  "transition-illegal": "Pick one of the steps that may follow.",
  "step-scope": "This step needs another scope; somebody who has it can take it.",
  "scope-missing": "The account lacks the scope; whoever runs the broker gives it by a role in the access file.",
  "not-owner": "This belongs to somebody else: only its owner may, or who has the scope in full.",
  "topic-unknown": "No channel has this topic: is it spelt right?",
  "topic-parameter": "Check the topic's parameters.",
  "qos-too-low": "Send it with a higher QoS.",
  "retain-forbidden": "Send it without retain.",
  "retain-required": "Send it with retain.",
  "rate-exceeded": "Wait a moment, then send again.",
  "payload-empty": "Write a payload: an empty one is refused here.",
  "payload-too-large": "Make the payload smaller.",
  "payload-not-json": "Make the payload one JSON value, in UTF-8.",
};

export function adviceFor({ reason, errors }: Pick<Notice, "reason" | "errors">): string {
  if (errors?.length && !reason.startsWith("transition")) return "Put right what is marked in the editor, and send again.";
  const { todo } = reasonOf(reason);
  return ADVICE[reason] ?? (todo ? `${todo[0].toUpperCase()}${todo.slice(1).replace(/\.$/, "")}.` : "");
}
