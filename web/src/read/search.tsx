// The search over all pages: "/" opens it, arrows move, Enter goes there.
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { go } from "../app/route";
import type { Contract } from "../contract/model";
import { Icon } from "../ui/icons";
import { entriesOf, find, KINDS } from "./index-of";

const FOUND_MAX = 40;

export function Search({ contract, onPick, onClose }: { contract: Contract; onPick: (to: string[]) => void; onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const entries = useMemo(() => entriesOf(contract), [contract]);
  // By kind, the kind of the best one first; within a kind the best first.
  const found = useMemo(() => {
    const best = find(entries, query, FOUND_MAX);
    const kinds = [...new Set(best.map(({ kind }) => kind))];
    return kinds.flatMap((kind) => best.filter((it) => it.kind === kind));
  }, [entries, query]);

  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  useEffect(() => setActive(0), [query]);
  useEffect(() => {
    document.getElementById(`found-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [active]);
  const pick = (index: number) => {
    const entry = found[index];
    if (!entry) return;
    dialog.current?.close();
    onPick(entry.to);
    go(["read", ...entry.to]);
  };
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: found.length - 1 };
    if (event.key === "Enter") pick(active);
    else if (event.key === "Escape") dialog.current?.close(); // the field would only empty itself
    else if (event.key in moves && found.length > 0 && !(["Home", "End"].includes(event.key) && query)) setActive((moves[event.key] + found.length) % found.length);
    else return;
    event.preventDefault();
  };
  return (
    <dialog class="search" ref={dialog} aria-label="Search" onClose={onClose}
      onClick={(event) => { if (event.target === dialog.current) dialog.current?.close(); }}>
      <div class="search-box">
        <Icon name="search" />
        <input type="search" list={undefined} role="combobox" aria-label="Search topics, messages, members, scopes, reasons" aria-expanded={found.length > 0}
          aria-controls="found" aria-activedescendant={found.length > 0 ? `found-${active}` : undefined} autocomplete="off" spellcheck={false}
          placeholder="Topic, message, member, scope, reason, option" value={query} onInput={(event) => setQuery(event.currentTarget.value)} onKeyDown={onKey} />
        <button type="button" onClick={() => dialog.current?.close()}>Close</button>
      </div>
      <p class="live" role="status">{query ? `${found.length} found` : ""}</p>
      <div id="found" class="found" role="listbox" aria-label="What was found">
        {KINDS.filter((kind) => found.some((it) => it.kind === kind)).sort((a, b) => found.findIndex((it) => it.kind === a) - found.findIndex((it) => it.kind === b)).map((kind) => (
          <div key={kind} role="group" aria-label={kind}>
            <div class="found-kind" aria-hidden="true">{kind}</div>
            {found.map((entry, i) => entry.kind === kind ? (
              <div key={i} id={`found-${i}`} role="option" aria-selected={i === active} class="found-one" onClick={() => pick(i)} onMouseMove={() => setActive(i)}>
                <code>{entry.title}</code><span class="muted">{entry.text}</span>
              </div>
            ) : null)}
          </div>
        ))}
      </div>
      {query && found.length === 0 ? <p class="empty">Nothing has all of these words.</p> : null}
      {query ? null : <p class="empty">Arrows move, Enter goes there, Escape closes.</p>}
    </dialog>
  );
}
