// Try: a message sent and one received, with the account that is signed in.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { route } from "../app/route";
import { contract, credentials, isLoading } from "../app/session";
import { SignIn } from "../app/signin";
import { Empty, Tabs } from "../ui/basics";
import * as draft from "./draft";
import { wake } from "./line";
import { readTryLink } from "../app/trylink";
import { Publish } from "./publish";
import { Session } from "./session";
import { Subscribe } from "./subscribe";
import "./try.css";

const half = signal<"publish" | "subscribe">("publish"); // on a narrow screen
let linked = ""; // the link that was read already

/** What a link brings is shown, once; sending is for the reader. */
function readLink(): void {
  const m = route.value.params.get("m");
  if (!m || m === linked || !contract.value) return;
  linked = m;
  const found = readTryLink(m);
  if ("why" in found) {
    draft.cameByLink.value = { tone: "bad", words: found.why };
    return;
  }
  draft.prepare(found.message);
  half.value = "publish";
  draft.cameByLink.value = { tone: "accent", words: "This message came with a link. Look at it before you send it." };
}

export function Try(): JSX.Element {
  const isIn = credentials.value !== null;
  const api = contract.value;
  useEffect(() => {
    if (isIn) wake();
  }, [isIn]);
  useEffect(readLink, [route.value, api]);
  if (!isIn) return <SignIn />;
  if (!api) return <Empty>{isLoading.value ? "Fetching the contract…" : "There is no contract to try."}</Empty>;
  return (
    <div class="try">
      <h1 class="offscreen">Try</h1>
      <Session />
      <div class="halves-tabs">
        <Tabs label="Publish or subscribe" active={half.value} onPick={(id) => (half.value = id as "publish" | "subscribe")}
          tabs={[{ id: "publish", label: "Publish" }, { id: "subscribe", label: "Subscribe" }]} />
      </div>
      <div class={`halves ${half.value}`}>
        <Publish />
        <Subscribe />
      </div>
    </div>
  );
}
