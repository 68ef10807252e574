// Asks the broker, and says what became of it.
import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { connection, may, refresh, whoami } from "../app/session";
import { allKinds, ask as askOnce, patiently, type EntityKind, type Page } from "../broker/commands";
import type { CommandError } from "../broker/command-error";
import { Note } from "../ui/basics";
import { nothing, Pager, type Known } from "./paging";

const TIMES = 6; // that it is asked again
const CHANGED_MS = 700;

/** As ask() of the broker's commands, but asks again for a while where the broker is busy. */
export async function ask<T>(command: string, members: Record<string, unknown> = {}): Promise<T> {
  for (let times = 0; ; times++) {
    try {
      return await patiently(() => askOnce<T>(connection, command, members), TIMES);
    } catch (error) {
      const { code } = error as CommandError;
      if (code === "scope-missing") void refresh(); // it was there when the page was drawn
      // "changed": there was a reload between question and answer, and the answer is another one now.
      if (code !== "changed" || times >= TIMES) throw error;
      await new Promise((resolve) => setTimeout(resolve, CHANGED_MS));
    }
  }
}

/** All kinds of entities that the account may read something of. */
export const askKinds = (): Promise<{ entities: EntityKind[] }> => allKinds((members) => ask("listEntities", members));

/** What went wrong, and what one can do. */
export function explainError(error: CommandError): string {
  switch (error.code) {
    case "scope-missing":
      return `This takes the scope ${error.scope ?? "of the command"}, which the account does not have, or not any more.`;
    case "busy":
      // Its readers have others' questions, or the database does not answer: the plugin says which.
      return /database/.test(error.message) ? sentence(error.message) : "The broker is answering others; try again in a moment.";
    case "too-large":
      return "The answer would be larger than the broker sends: narrow down what is asked.";
    case "no-database":
      return `${sentence(error.message)} Nothing that was kept can be looked up until it is back.`;
    default:
      return sentence(error.message);
  }
}

export function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed ? `${trimmed[0].toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? "" : "."}` : "";
}

export interface Answer<T> { data: T | null; error: CommandError | null; isAsking: boolean; at: number; again: () => void }

/**
 * The answer to a command: asked again when the members are others, after a reconnection, and each
 * @everyMs where that is given. What was there stays until the next answer comes. Not asked where
 * the account may not, or where @members is null. @asking: how, which stays the same.
 */
export function useAnswer<T>(
  command: string, members: Record<string, unknown> | null = {}, everyMs = 0,
  asking: (command: string, members: Record<string, unknown>) => Promise<T> = ask,
): Answer<T> {
  const [state, set] = useState<Omit<Answer<T>, "again">>({ data: null, error: null, isAsking: false, at: 0 });
  const [round, next] = useState(0);
  const key = members && JSON.stringify(members);
  const asked = useRef<string | null>(null);
  const times = connection.times.value;
  const isAllowed = may(command);
  const isOn = connection.phase.value.is === "on";

  useEffect(() => {
    if (key === null || !isAllowed || !isOn) return;
    let isGone = false;
    const isOther = asked.current !== key;
    asked.current = key;
    set((was) => ({ ...was, isAsking: true, data: isOther ? null : was.data, error: isOther ? null : was.error }));
    asking(command, JSON.parse(key) as Record<string, unknown>).then(
      (data) => isGone || set({ data, error: null, isAsking: false, at: Date.now() }),
      (error: CommandError) => isGone || set((was) => ({ ...was, error, isAsking: false, at: Date.now() })),
    );
    return () => {
      isGone = true;
    };
  }, [command, key, times, round, isAllowed, isOn]);
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => document.hidden || next((it) => it + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return { ...state, again: useCallback(() => next((it) => it + 1), []) };
}

export interface Pages<Row, P = Page<Row>> extends Known<Row, P> { hasMore: boolean; more: () => void; again: () => void }

/**
 * A list that is fetched page by page, further ones when they are asked for, or where a page has
 * nothing that the account may see. A page that is too large is asked for in halves. After a
 * reconnection it is fetched again as far as it was.
 */
export function usePages<Row, P extends Page<Row> = Page<Row>>(command: string, members: Record<string, unknown> | null): Pages<Row, P> {
  const [state, set] = useState<Known<Row, P>>(nothing);
  const [round, again] = useState(0);
  const asked = useRef<{ key: string; round: number } | null>(null);
  const key = members && JSON.stringify(members);
  const times = connection.times.value;
  const isAllowed = may(command);
  const isOn = connection.phase.value.is === "on";
  const pager = useMemo(() => new Pager<Row, P>((page) => page.rows ?? (page as unknown as { history: Row[] }).history ?? [], set), []);

  useEffect(() => () => pager.end(), []);
  useEffect(() => {
    if (key === null || !isAllowed || !isOn) return;
    const before = asked.current;
    asked.current = { key, round };
    const fixed = JSON.parse(key) as object;
    pager.begin(before?.key !== key ? "other" : before.round !== round ? "anew" : "again",
      (limit, after) => ask<P>(command, { ...fixed, limit, ...(after === null ? {} : { after }) }));
  }, [command, key, times, round, isAllowed, isOn]);
  return {
    ...state,
    hasMore: state.next !== null,
    more: () => pager.more(),
    again: () => again((it) => it + 1),
  };
}

/** One sentence where the account may not give the command; else nothing. */
export function Needs({ command, to }: { command: string; to: string }): JSX.Element | null {
  if (!whoami.value || may(command)) return null;
  return <Note>To {to} takes the scope <code>control:{command}</code>, which this account does not have.</Note>;
}

export function Failure({ error }: { error: CommandError | null }): JSX.Element | null {
  return error ? <Note tone="bad">{explainError(error)}</Note> : null;
}

/** How far a list has looked where pages had nothing for the account. */
export function Looked({ pages }: { pages: { empty: number; isAsking: boolean } }): JSX.Element | null {
  if (pages.empty === 0) return null;
  const so = `Looked through ${pages.empty} ${pages.empty === 1 ? "page" : "pages"} so far: nothing there is for this account.`;
  return <p class="muted" role="status">{so}{pages.isAsking ? " Looking further…" : " There is more to look through."}</p>;
}
