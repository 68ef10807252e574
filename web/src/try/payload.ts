// Payloads as people read them. A payload is bytes; it is text where it is UTF-8 without control
// characters.
const strict = new TextDecoder("utf-8", { fatal: true });

const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

const texts = new WeakMap<Uint8Array, string | null>();

/** The payload as text; null: it is none. Kept, since it is asked for often. */
export function textOf(payload: Uint8Array): string | null {
  const known = texts.get(payload);
  if (known !== undefined) return known;
  let text: string | null;
  try {
    text = strict.decode(payload);
    if (CONTROLS.test(text)) text = null;
  } catch {
    text = null;
  }
  if (payload.length <= 64 * 1024) texts.set(payload, text);
  return text;
}

/** The first @max bytes as text, less a character that the cut goes through; null: they are none. */
export function headOf(payload: Uint8Array, max: number): string | null {
  if (payload.length <= max) return textOf(payload);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(payload.subarray(0, max), { stream: true });
    return CONTROLS.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** As text for searching: the first part of a long one. */
export const searchable = (payload: Uint8Array, max = 16 * 1024): string => headOf(payload, max)?.toLowerCase() ?? "";

const HEX_WIDTH = 16;

export function hexOf(payload: Uint8Array, max: number): string {
  const lines: string[] = [];
  const end = Math.min(payload.length, max);
  for (let at = 0; at < end; at += HEX_WIDTH) {
    const part = [...payload.subarray(at, Math.min(at + HEX_WIDTH, end))];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(HEX_WIDTH * 3 - 1);
    const text = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex}  ${text}`);
  }
  return lines.join("\n");
}

export function bytesOfHex(text: string): Uint8Array | null {
  const digits = text.replace(/[\s:,]|0x/gi, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function bytesOfBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(text.replace(/\s/g, "").replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Levels that are set out; what is deeper stays in its line, or a small payload would fill the memory. */
const LEVELS_MAX = 32;

/** JSON set out in lines; text that is no JSON as it is. Numbers stay as they were written. */
export function prettyOf(text: string): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let out = "";
  let depth = 0;
  const line = (by = 0) => (depth > LEVELS_MAX ? "" : `\n${"  ".repeat(depth + by)}`);
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      let end = at + 1;
      while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
      out += text.slice(at, end + 1);
      at = end;
    } else if (char === "{" || char === "[") {
      const close = /^\s*[}\]]/.exec(text.slice(at + 1, at + 200));
      if (close) {
        out += char + close[0].trim();
        at += close[0].length;
      } else {
        depth++;
        out += char + line();
      }
    } else if (char === "}" || char === "]") {
      out += line(-1) + char;
      depth--;
    } else if (char === ",") out += char + line();
    else if (char === ":") out += ": ";
    else if (!/\s/.test(char)) out += char;
  }
  return out;
}

export function sizeInWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
