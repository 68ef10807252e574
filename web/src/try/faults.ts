// What is wrong with a payload, by the check here and by the broker: each fault once, with what was
// meant where something is misspelt.
import type { Plain } from "../contract/dialect";
import type { Json } from "../contract/document";
import { escapeStep, placeOf, stepsOf, type Read } from "../contract/jsontext";
import { sentence, valueAt, type Fault } from "../contract/validate";
import type { Mark } from "./editor";
import { meantBy, mendOf, type Meant } from "./meant";

export interface Told { fault: Fault; isBrokers: boolean; words: string; meant: Meant | null }

const isMissing = ({ message }: Fault): boolean => message.includes("is missing");

/** The broker points at the object that lacks a member; here it is the member that is missing. */
function named(fault: Fault): Fault {
  const [, name, because] = /^lacks the member ("(?:[^"\\]|\\.)*")(, which .* needs)?$/s.exec(fault.message) ?? [];
  try {
    return name === undefined ? fault
      : { ...fault, field: `${fault.field}/${escapeStep(JSON.parse(name) as string)}`, message: `is missing${because ?? ""}` };
  } catch {
    return fault; // a name that was cut
  }
}

/** Do both say the same? The broker's words may be other ones than the page's. */
const isSame = (a: Fault, b: Fault): boolean =>
  a.field === b.field && (a.code === b.code || (isMissing(a) && isMissing(b)) || sentence(a) === sentence(b));

/** @said with what was meant behind it. */
function wordsOf(said: string, meant: Meant | null): string {
  if (!meant) return said;
  const there = stepsOf(meant.at).pop();
  const isOther = meant.isName && !said.startsWith(stepsOf(meant.at).join("/"));
  return `${said.replace(/[.]$/, "")}: did you mean “${meant.text}”${isOther ? `, where it says “${there}”` : ""}?`;
}

/** In the order of the check here, then what the broker alone says. @value undefined: no JSON; @plain null: no schema. */
export function toldOf(plain: Plain | null, value: Json | undefined, own: Fault[], brokers: Fault[]): Told[] {
  const rest = brokers.map(named).filter((fault, i, all) => all.findIndex((it) => isSame(it, fault)) === i);
  const all: Told[] = [];
  const add = (fault: Fault, isBrokers: boolean) => {
    const meant = plain && value !== undefined ? meantBy(plain, value, fault) : null;
    all.push({ fault, isBrokers, meant, words: wordsOf(sentence(fault), meant) });
  };
  for (const fault of own) {
    const at = rest.findIndex((it) => isSame(it, fault));
    if (at >= 0) add(rest.splice(at, 1)[0], true);
    else add(fault, false);
  }
  for (const fault of rest) add(fault, true);
  // What is missing because it is misspelt is no second fault.
  return all.filter((it) => !(it.meant && value !== undefined && valueAt(value, it.fault.field) === undefined
    && all.some(({ fault, meant }) => fault.field === it.meant!.at && meant?.text === it.meant!.text)));
}

export function marksOf(read: Read, told: Told[]): Mark[] {
  return told.map(({ fault, isBrokers, words, meant }) =>
    ({ ...placeOf(read, meant?.at ?? fault.field), message: words, isBrokers, mend: meant ? mendOf(read, meant) : undefined }));
}
