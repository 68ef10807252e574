// When a view is drawn anew while much comes: at the next frame, and not again for a while.

/** A page in the background has no frames. */
const HIDDEN_MS = 500;

const nextFrame = (go: () => void): void => {
  if (document.hidden) setTimeout(go, HIDDEN_MS);
  else requestAnimationFrame(go);
};

/** Calls @draw for any number of calls of what it returns, @everyMs apart at least; the last call is drawn, too. */
export function paced(draw: () => void, everyMs: number, frame = nextFrame): () => void {
  let isPlanned = false;
  let last = -Infinity;
  const go = () => {
    isPlanned = false;
    last = Date.now();
    draw();
  };
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    const wait = last + everyMs - Date.now();
    if (wait > 0) setTimeout(() => frame(go), Math.min(wait, everyMs)); // clocks are set back
    else frame(go);
  };
}
