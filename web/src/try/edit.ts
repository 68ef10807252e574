// Changes to JSON text that leave all else as it was written.
import type { Json } from "../contract/document";
import { readJson, stepsOf } from "../contract/jsontext";
import type { Plain } from "../contract/dialect";
import { isTime } from "./complete";
import { valueAt } from "../contract/validate";

/** Puts @value where the pointer says; a member that is not there yet goes to the end of its object. */
export function setAt(text: string, pointer: string, value: Json): string {
  const read = readJson(text);
  if (read.value === undefined) return text;
  const place = read.places.get(pointer);
  if (place) return text.slice(0, place.from) + JSON.stringify(value) + text.slice(place.to);
  const parent = pointer.slice(0, pointer.lastIndexOf("/"));
  const holder = valueAt(read.value, parent);
  const around = read.places.get(parent);
  if (!around || typeof holder !== "object" || holder === null || Array.isArray(holder)) return text;
  const member = `${JSON.stringify(stepsOf(pointer).pop())}: ${JSON.stringify(value)}`;
  const isEmpty = Object.keys(holder).length === 0;
  const body = text.slice(around.from + 1, around.to - 1);
  const kept = body.trimEnd();
  const indent = /\n([ \t]*)\S/.exec(text.slice(around.from))?.[1] ?? "  ";
  const end = body.includes("\n") ? body.slice(kept.length) : "";
  const gap = body.includes("\n") || isEmpty ? `\n${indent}` : " ";
  return `${text.slice(0, around.from + 1)}${kept}${isEmpty ? "" : ","}${gap}${member}${end || (isEmpty ? "\n" : "")}${text.slice(around.to - 1)}`;
}

/** All times of the payload become now. */
export function freshen(text: string, plain: Plain, now = new Date()): string {
  const read = readJson(text);
  if (read.value === undefined) return text;
  const found = [...read.places].filter(([pointer]) => isTime(plain, pointer, valueAt(read.value!, pointer) ?? null))
    .sort(([, a], [, b]) => b.from - a.from);
  let out = text;
  for (const [, { from, to }] of found) out = out.slice(0, from) + JSON.stringify(now.toISOString()) + out.slice(to);
  return out;
}
