// Asks before something is done that others notice.
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export function Confirm({ title, children, label, isBusy, onYes, onNo }: {
  title: string; children?: ComponentChildren; label: string; isBusy?: boolean; onYes: () => void; onNo: () => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  // At once: what a next key moves the focus to is not what had it.
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    // A dialog that is taken away lets go of the focus; what had it may be disabled until all is drawn.
    return () => queueMicrotask(() => {
      if (document.activeElement === document.body) before?.focus();
    });
  }, []);
  return (
    <dialog ref={dialog} class="confirm" aria-labelledby="confirm-title"
      onCancel={(event) => {
        event.preventDefault();
        onNo();
      }}>
      <h2 id="confirm-title">{title}</h2>
      {children}
      <div class="row confirm-buttons">
        <button type="button" onClick={onNo} autofocus>No</button>
        <button type="button" class="primary" disabled={isBusy} onClick={onYes}>{isBusy ? "…" : label}</button>
      </div>
    </dialog>
  );
}
