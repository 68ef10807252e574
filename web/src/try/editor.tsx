// The editor for payloads: CodeMirror in a shadow root, where its styles are no <style> elements
// and the page's policy lets them be.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion, type Completion as Shown, type CompletionContext } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { effect, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Plain } from "../contract/dialect";
import { completeAt } from "./complete";

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--panel)", fontSize: "0.92rem", minHeight: "11rem", maxHeight: "min(60vh, 34rem)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { borderRadius: "calc(var(--radius) - 1px)", fontFamily: "var(--mono)", lineHeight: "1.55", minHeight: "11rem" },
  ".cm-content": { caretColor: "var(--text)", padding: "0.5rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--muted)", border: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent-soft) 45%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection":
    { backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent) !important" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "0 4px 16px #0003" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--accent-text)" },
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", marginLeft: "0.8em" },
  ".cm-completionInfo": { maxWidth: "22rem", padding: "0.4rem 0.6rem", fontFamily: "system-ui, sans-serif" },
  ".cm-diagnostic": { padding: "0.35rem 0.6rem", fontFamily: "system-ui, sans-serif" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--warn)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1.5px", textUnderlineOffset: "3px", textDecorationSkipInk: "none" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn) 1.5px", textUnderlineOffset: "3px" },
  ".from-broker": { backgroundColor: "var(--bad-soft)" },
  ".cm-placeholder": { color: "var(--muted)" },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: tags.punctuation, color: "var(--muted)" },
]);

/** What a press puts right: the text of a place. */
export interface Mend { from: number; to: number; insert: string; label: string }

export interface Mark { from: number; to: number; message: string; isBrokers: boolean; isWarning?: boolean; mend?: Mend }

export interface EditorHandle {
  goTo(from: number, to: number): void;
  mend(mend: Mend): void;
}

interface Props {
  label: string;
  text: Signal<string>; // followed at once: a text of a render before could undo what was typed since
  plain: Plain | null; // offers what the schema has
  isJson: boolean;
  marks: Mark[];
  onSend: () => void;
  handle: { current: EditorHandle | null };
}

/** What the schema has, for CodeMirror. It is asked anew for each letter: what fits depends on all that is there. */
function offer(context: CompletionContext, plain: Plain | null) {
  if (!plain) return null;
  const text = context.state.doc.toString();
  const found = completeAt(text, context.pos, plain);
  if (!found) return null;
  const typed = text.slice(found.from, context.pos).replace(/"/g, "").toLowerCase();
  if (!context.explicit && typed === "" && !/["{,:[]\s*$/.test(text.slice(Math.max(0, context.pos - 40), context.pos))) return null;
  const plainLabel = (label: string) => label.replace(/"/g, "").toLowerCase();
  const begins = ({ label }: { label: string }) => (plainLabel(label).startsWith(typed) ? 0 : 1);
  const fitting = found.options.filter(({ label }) => plainLabel(label).includes(typed)).sort((a, b) => begins(a) - begins(b));
  const options: Shown[] = fitting.map((option) => ({
    label: option.label,
    detail: option.detail || undefined,
    info: option.info || undefined,
    type: option.kind === "property" ? "property" : "constant",
    apply: (view: EditorView) => {
      view.dispatch({
        changes: { from: found.from, to: Math.max(found.to, view.state.selection.main.head), insert: option.insert },
        selection: { anchor: found.from + option.cursor },
        userEvent: "input.complete",
      });
      if (option.kind === "property") startCompletion(view);
    },
  }));
  return options.length > 0 ? { from: found.from, options, filter: false } : null;
}

function mendIn(view: EditorView, { from, to, insert }: Mend): void {
  view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, scrollIntoView: true, userEvent: "input.complete" });
  view.focus();
}

/** The mend at the cursor, else the first one there is. */
function mendHere(view: EditorView, marks: Mark[]): boolean {
  const { head } = view.state.selection.main;
  const mends = marks.flatMap((it) => (it.mend ? [{ ...it, mend: it.mend }] : []));
  const found = mends.find(({ mend, from, to }) => (from <= head && head <= to) || (mend.from <= head && head <= mend.to)) ?? mends[0];
  if (found) mendIn(view, found.mend);
  return found !== undefined;
}

/**
 * What is typed over a selection would be put in by the browser, with the look of what stood there as an inline style: the
 * policy forbids that, and says so. A long text (a script's, an input method's) would also take the browser long.
 */
function typed(event: InputEvent, view: EditorView): boolean {
  const { data } = event;
  const { main } = view.state.selection;
  if (event.inputType !== "insertText" || data === null || view.composing || (main.empty && data.length < 2)) return false;
  event.preventDefault();
  const insert = () => view.state.update(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
  if (!view.state.facet(EditorView.inputHandler).some((handler) => handler(view, main.from, main.to, data, insert))) view.dispatch(insert());
  return true;
}

export function Editor(props: Props): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const mode = useRef(new Compartment());

  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
    const made = new EditorView({
      parent: root,
      root,
      state: EditorState.create({
        doc: latest.current.text.peek(),
        extensions: [
          Prec.highest(keymap.of([
            { key: "Mod-Enter", run: () => (latest.current.onSend(), true) },
            { key: "Alt-Enter", run: (at) => mendHere(at, latest.current.marks) },
          ])),
          EditorView.domEventHandlers({ beforeinput: typed }),
          lineNumbers(), history(), drawSelection(), highlightActiveLine(), bracketMatching(), closeBrackets(), lintGutter(),
          indentUnit.of("  "), EditorView.lineWrapping, syntaxHighlighting(colours), look,
          autocompletion({ override: [(context) => offer(context, latest.current.plain)], icons: false, activateOnTypingDelay: 80 }),
          // Tab is not bound: it leads out of the editor, for those who have no mouse.
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
          placeholder("Ctrl+Space offers what the contract has"),
          EditorView.contentAttributes.of({ "aria-label": latest.current.label }),
          mode.current.of(latest.current.isJson ? json() : []),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.text.value = update.state.doc.toString();
          }),
        ],
      }),
    });
    view.current = made;
    props.handle.current = {
      goTo(from, to) {
        const length = made.state.doc.length;
        made.dispatch({ selection: { anchor: Math.min(from, length), head: Math.min(to, length) }, scrollIntoView: true });
        made.focus();
      },
      mend: (mend) => mendIn(made, mend),
    };
    const stop = effect(() => {
      const text = latest.current.text.value;
      if (made.state.doc.toString() !== text) made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: text } });
    });
    return () => {
      stop();
      made.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: mode.current.reconfigure(props.isJson ? json() : []) });
  }, [props.isJson]);

  useEffect(() => {
    const made = view.current;
    if (!made) return;
    const length = made.state.doc.length;
    const shown: Diagnostic[] = props.marks.map(({ from, to, message, isBrokers, isWarning, mend }) => ({
      from: Math.min(from, length),
      to: Math.min(Math.max(to, from), length),
      message,
      source: isBrokers ? "said by the broker" : undefined,
      severity: isWarning ? "warning" : "error",
      markClass: isBrokers ? "from-broker" : undefined,
      actions: mend ? [{ name: mend.label, apply: (at: EditorView) => mendIn(at, mend) }] : undefined,
    }));
    made.dispatch(setDiagnostics(made.state, shown));
  }, [JSON.stringify(props.marks), props.text.value]);

  return <div class="editor" ref={host} />;
}
