// A long list of rows of one height: only those in sight are made. Rows are picked with the mouse
// or the arrow keys.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const MORE = 6; // rows beyond the edges
const LEAST = 5; // rows of a box that has few: what is below it stays in sight

interface Props {
  count: number;
  rowHeight: number;
  label: string;
  as: "listbox" | "tree";
  active: number; // -1: none
  row: (index: number) => JSX.Element;
  keyOf: (index: number) => string | number;
  attributes?: (index: number) => Record<string, unknown>;
  onPick: (index: number) => void;
  onKey?: (key: string, index: number) => boolean; // true: taken
  onTop?: (isAtTop: boolean) => void;
  id: string;
}

export function Virtual(props: Props): JSX.Element {
  const { count, rowHeight, id } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);

  useEffect(() => {
    const at = box.current!;
    const observer = new ResizeObserver(() => setHeight(at.clientHeight));
    observer.observe(at);
    return () => observer.disconnect();
  }, []);

  const goTo = (index: number) => {
    if (count === 0) return;
    const next = Math.max(0, Math.min(count - 1, index));
    props.onPick(next);
    const at = box.current!;
    if (next * rowHeight < at.scrollTop) at.scrollTop = next * rowHeight;
    else if ((next + 1) * rowHeight > at.scrollTop + at.clientHeight) at.scrollTop = (next + 1) * rowHeight - at.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const moves: Record<string, number> = {
      ArrowDown: props.active + 1, ArrowUp: props.active - 1, PageDown: props.active + page, PageUp: props.active - page,
      Home: 0, End: count - 1,
    };
    if (props.onKey?.(event.key, props.active)) event.preventDefault();
    else if (event.key in moves) {
      event.preventDefault();
      goTo(moves[event.key]);
    }
  };

  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - MORE, count - 1));
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + MORE);
  const rows: JSX.Element[] = [];
  for (let i = first; i < last; i++)
    rows.push(
      <div key={props.keyOf(i)} id={`${id}-${i}`} class="v-row" role={props.as === "tree" ? "treeitem" : "option"}
        aria-selected={i === props.active} style={{ top: `${i * rowHeight}px`, height: `${rowHeight}px` }}
        onClick={() => props.onPick(i)} {...props.attributes?.(i)}>
        {props.row(i)}
      </div>,
    );
  const isShown = props.active >= first && props.active < last;
  return (
    <div ref={box} class="v-box" role={count > 0 ? props.as : "group"} aria-label={props.label} tabIndex={0} id={id} style={{ maxHeight: `${Math.max(count, LEAST) * rowHeight + 2}px` }}
      aria-activedescendant={count > 0 && isShown ? `${id}-${props.active}` : undefined}
      onKeyDown={onKeyDown}
      onScroll={(event) => {
        setTop(event.currentTarget.scrollTop);
        props.onTop?.(event.currentTarget.scrollTop < 4);
      }}>
      <div class="v-space" role="presentation" style={{ height: `${count * rowHeight}px` }}>{rows}</div>
    </div>
  );
}
