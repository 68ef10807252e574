// Long lists are drawn in pieces, each in a task of its own, so that the page can be used meanwhile.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

const waiting: (() => void)[] = [];
// A timer would wait 4 ms each time, and a second in the background.
const { port1: here, port2: there } = new MessageChannel();
here.onmessage = () => {
  waiting.shift()?.();
  if (waiting.length > 0) there.postMessage(null);
};

/** Calls @work in a task of its own, behind those that wait already; what it returns takes that back. */
export function later(work: () => void): () => void {
  if (waiting.push(work) === 1) there.postMessage(null);
  return () => {
    const at = waiting.indexOf(work);
    if (at > 0) waiting.splice(at, 1);
    else if (at === 0) waiting[0] = () => {}; // its message is on its way
  };
}

interface Rows<T> { of: T[]; row: (it: T, at: number) => JSX.Element }

function Piece<T>({ of, row, begin }: Rows<T> & { begin: number }): JSX.Element {
  return useMemo(() => <>{of.map((it, i) => row(it, begin + i))}</>, [of, row]);
}

/** A @row of each: the first @atOnce, the others in pieces of @size. Drawn anew where @of or @row is another. */
export function InPieces<T>({ of, row, atOnce, size = 50 }: Rows<T> & { atOnce: number; size?: number }): JSX.Element {
  const [count, setCount] = useState(0); // of pieces beside the first rows
  const pieces = useMemo(() => {
    const all = [of.slice(0, atOnce)];
    for (let at = all[0].length; at < of.length; at += size) all.push(of.slice(at, at + size));
    return all;
  }, [of, atOnce, size]);
  const isMore = count + 1 < pieces.length;
  useEffect(() => (isMore ? later(() => setCount(count + 1)) : undefined), [isMore, count]);
  return <>{pieces.slice(0, count + 1).map((rows, i) => <Piece key={i} of={rows} row={row} begin={i === 0 ? 0 : pieces[0].length + (i - 1) * size} />)}</>;
}
