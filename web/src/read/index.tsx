// The Read view: the contract as pages, with a list of them at the side and a search over all.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { href, route } from "../app/route";
import { connection, contract, isLoading } from "../app/session";
import { SignIn } from "../app/signin";
import type { Contract } from "../contract/model";
import { Empty } from "../ui/basics";
import { Icon } from "../ui/icons";
import { ChannelPage } from "./channel";
import { Configuration } from "./configuration";
import { EntityPage, MachinePage } from "./machine";
import { MessagePage } from "./message";
import { Nav } from "./nav";
import { Overview } from "./overview";
import { Alerts, Limits, Reasons, Scopes, Servers } from "./pages";
import { Everything } from "./everything";
import { Search } from "./search";
import "./read.css";

function page(contract: Contract, [kind, id]: string[]): { title: string; content: JSX.Element } {
  const missing = { title: "Not found", content: <Empty>The contract has no {kind} {id}, or this account may not see it. <a href={href(["read"])}>To the overview</a></Empty> };
  switch (kind) {
    case undefined:
      return { title: contract.title, content: <Overview contract={contract} /> };
    case "channel": {
      const found = contract.channels.find((it) => it.id === id);
      return found ? { title: found.address, content: <ChannelPage key={id} contract={contract} channel={found} /> } : missing;
    }
    case "message":
      return { title: id ?? "Messages", content: <MessagePage key={id} contract={contract} name={id} /> };
    case "machine": {
      const found = contract.machines.find((it) => it.name === id);
      return found ? { title: found.name, content: <MachinePage contract={contract} machine={found} /> } : missing;
    }
    case "entity": {
      const found = contract.entities.find((it) => it.name === id);
      return found ? { title: found.name, content: <EntityPage contract={contract} entity={found} /> } : missing;
    }
    case "scopes": return { title: "Scopes", content: <Scopes contract={contract} /> };
    case "reasons": return { title: "Reasons of a refusal", content: <Reasons /> };
    case "alerts": return { title: "Alerts", content: <Alerts /> };
    case "limits": return { title: "Limits", content: <Limits contract={contract} /> };
    case "servers": return { title: "How to connect", content: <Servers contract={contract} /> };
    case "configuration": return { title: "Configuration", content: <Configuration id={id} /> };
    case "all": return { title: contract.title, content: <Everything contract={contract} /> };
    default: return missing;
  }
}

export function Read(): JSX.Element {
  const [isOpen, setOpen] = useState(false); // the list of pages, on a phone
  const [isSearching, setSearching] = useState(false);
  const article = useRef<HTMLElement>(null);
  const wanted = useRef<string | null>(null); // the place that was picked in the search
  const here = route.value.path.slice(1);
  const place = here.join("/");
  const found = contract.value ? page(contract.value, here) : null;

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        setSearching(true);
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    if (found) document.title = found.title === contract.value?.title ? found.title : `${found.title} · ${contract.value?.title}`;
  }, [found?.title]);
  // To the place on the page that the address names, else to its top.
  useLayoutEffect(() => {
    setOpen(false);
    const target = here.length > 0 ? document.getElementById(place) : null;
    // Who came by the search goes on from there with the keyboard.
    const start = wanted.current === place ? target ?? article.current : null;
    wanted.current = null;
    if (start) start.tabIndex = -1;
    start?.focus({ preventScroll: true });
    if (!target || target === article.current?.querySelector("h1")) {
      scrollTo(0, 0);
      return;
    }
    target.scrollIntoView();
    target.classList.add("here");
    return () => target.classList.remove("here");
  }, [place, found === null]);

  if (!contract.value || !found) {
    // Signed in, and the contract is on its way or could not be had: the frame says why.
    const phase = connection.phase.value.is;
    if (phase === "on" || phase === "waiting") return <Empty>{isLoading.value ? "The contract is being fetched…" : "There is no contract to show."}</Empty>;
    return <SignIn />;
  }
  return (
    <div class="read">
      <div class="read-side">
        <div class="read-bar">
        <button type="button" class="read-menu" aria-expanded={isOpen} aria-controls="read-nav" onClick={() => setOpen(!isOpen)}>
          <Icon name={isOpen ? "close" : "menu"} /> Contents
        </button>
        <button type="button" class="read-search" onClick={() => setSearching(true)}>
          <Icon name="search" /> Search <kbd>/</kbd>
        </button>
      </div>
      <Nav contract={contract.value} here={here} isOpen={isOpen} />
      </div>
      <article class="read-content" ref={article}>{found.content}</article>
      {isSearching ? <Search contract={contract.value} onPick={(to) => (wanted.current = to.join("/"))} onClose={() => setSearching(false)} /> : null}
    </div>
  );
}
