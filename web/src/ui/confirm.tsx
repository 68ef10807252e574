// Asks before something is done that others notice.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Confirm({ title, children, label, isBusy, onYes, onNo }: {
  title: string; children?: ComponentChildren; label: string; isBusy?: boolean; onYes: () => void; onNo: () => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
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
