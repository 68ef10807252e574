// Reads JSON text and remembers where each value stands, so that a fault can be marked at its
// place. As strict as the broker: a member that is there twice is a fault.
import type { Json } from "./document";

export interface Place {
  from: number; // of the value
  to: number;
  name: [number, number] | null; // of the member's name, with its quotes
}

export interface Read {
  value: Json | undefined; // undefined: the text is no JSON
  places: Map<string, Place>; // by JSON Pointer; "" is the whole
  fault: { from: number; to: number; message: string } | null;
}

const DEPTH_MAX = 512;
const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS: [string, Json][] = [["true", true], ["false", false], ["null", null]];

class Fault extends Error {
  constructor(readonly from: number, readonly to: number, message: string) {
    super(message);
  }
}

export const escapeStep = (name: string): string => name.replace(/~/g, "~0").replace(/\//g, "~1");

/** The names and numbers of a JSON Pointer, as they are. */
export const stepsOf = (pointer: string): string[] =>
  pointer.split("/").slice(1).map((raw) => raw.replace(/~1/g, "/").replace(/~0/g, "~"));

class Reader {
  private at = 0;
  readonly places = new Map<string, Place>();
  constructor(private readonly text: string) {}

  whole(): Json {
    const value = this.value("", null, 0);
    this.space();
    if (this.at < this.text.length) throw new Fault(this.at, this.text.length, "Nothing may follow the value.");
    return value;
  }

  private space(): void {
    while (" \t\r\n".includes(this.text[this.at] || "x")) this.at++;
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return null;
    this.at += found[0].length;
    return found[0];
  }

  private value(pointer: string, name: [number, number] | null, depth: number): Json {
    this.space();
    const from = this.at;
    const first = this.text[from];
    let value: Json;
    if (depth > DEPTH_MAX) throw new Fault(from, from + 1, "This is nested too deep.");
    if (first === "{") value = this.object(pointer, depth);
    else if (first === "[") value = this.array(pointer, depth);
    else if (first === '"') value = this.string("The string does not end, or has a character that must be written as \\u....");
    else value = this.scalar();
    this.places.set(pointer, { from, to: this.at, name });
    return value;
  }

  private string(complaint: string): string {
    const from = this.at;
    const found = this.match(STRING);
    if (found === null) {
      const end = this.text.indexOf("\n", from);
      throw new Fault(from, end < 0 ? this.text.length : end, complaint);
    }
    return JSON.parse(found) as string;
  }

  private scalar(): Json {
    const from = this.at;
    for (const [word, value] of WORDS)
      if (this.text.startsWith(word, from)) {
        this.at += word.length;
        return value;
      }
    const number = this.match(NUMBER);
    if (number !== null) {
      const value = Number(number);
      if (!Number.isFinite(value)) throw new Fault(from, this.at, "The number is too large.");
      return value;
    }
    if (from >= this.text.length) throw new Fault(Math.max(0, from - 1), from, "A value is missing here.");
    throw new Fault(from, from + (/^[\w.+-]+/.exec(this.text.slice(from, from + 80))?.[0].length ?? 1), "This is no JSON value.");
  }

  /** After a member or an item: is there another one? */
  private more(close: string, what: string): boolean {
    this.space();
    const next = this.text[this.at];
    if (next === close) {
      this.at++;
      return false;
    }
    if (next === ",") {
      this.at++;
      return true;
    }
    throw new Fault(Math.min(this.at, this.text.length - 1), this.at + 1, `A comma or ${close} is expected after the ${what}.`);
  }

  private object(pointer: string, depth: number): Json {
    const found: { [name: string]: Json } = {};
    this.at++;
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return found;
    }
    do {
      this.space();
      const from = this.at;
      const name = this.string("A member's name in quotes is expected.");
      if (Object.hasOwn(found, name)) throw new Fault(from, this.at, `"${name}" is there twice.`);
      const range: [number, number] = [from, this.at];
      this.space();
      if (this.text[this.at] !== ":") throw new Fault(from, this.at, `A colon is missing after "${name}".`);
      this.at++;
      const value = this.value(`${pointer}/${escapeStep(name)}`, range, depth + 1);
      // A member may be called "__proto__".
      Object.defineProperty(found, name, { value, enumerable: true, writable: true, configurable: true });
    } while (this.more("}", "member"));
    return found;
  }

  private array(pointer: string, depth: number): Json {
    const found: Json[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return found;
    }
    do {
      found.push(this.value(`${pointer}/${found.length}`, null, depth + 1));
    } while (this.more("]", "item"));
    return found;
  }
}

export function readJson(text: string): Read {
  const reader = new Reader(text);
  try {
    return { value: reader.whole(), places: reader.places, fault: null };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { from, to, message } = error;
    return { value: undefined, places: reader.places, fault: { from, to, message } };
  }
}

/** Where the fault at @pointer is to be marked: the value there, else the nearest that holds it. */
export function placeOf(read: Read, pointer: string): { from: number; to: number } {
  const exact = read.places.get(pointer);
  if (exact) return { from: exact.name ? exact.name[0] : exact.from, to: exact.to };
  for (let at = pointer; at !== ""; ) {
    at = at.slice(0, at.lastIndexOf("/"));
    const place = read.places.get(at);
    // What is missing in an object is marked at its brace, or the name it goes by.
    if (place) return place.name ? { from: place.name[0], to: place.name[1] } : { from: place.from, to: place.from + 1 };
  }
  return { from: 0, to: 1 };
}
