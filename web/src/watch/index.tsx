// What happens at the broker: for who has the scopes, and each part says which it needs.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { route } from "../app/route";
import { isSignedIn, whoami } from "../app/session";
import { SignIn } from "../app/signin";
import { Badge, Tabs } from "../ui/basics";
import { Alerts } from "./alerts";
import { Bans } from "./bans";
import { Broker } from "./broker";
import { Entities } from "./entities";
import { numbers, watchFromNowOn } from "./live";
import { Numbers } from "./numbers";
import { Overview } from "./overview";
import { Refusals } from "./refusals";
import { to } from "./where";
import "./watch.css";

const PARTS = [
  { id: "overview", label: "Overview", Part: Overview },
  { id: "refusals", label: "Refusals", Part: Refusals },
  { id: "entities", label: "Entities", Part: Entities },
  { id: "alerts", label: "Alerts", Part: Alerts },
  { id: "bans", label: "Bans", Part: Bans },
  { id: "numbers", label: "Numbers", Part: Numbers },
  { id: "broker", label: "Broker", Part: Broker },
];

export function Watch(): JSX.Element {
  useEffect(watchFromNowOn, []);
  if (!isSignedIn.value) return <SignIn />;
  const id = route.value.path[1] ?? "overview";
  const { label, Part } = PARTS.find((it) => it.id === id) ?? PARTS[0];
  const badge: Record<string, number | null> = { alerts: numbers.rows.last("alerts/active"), bans: numbers.rows.last("bans") };
  return (
    <div class="watch">
      <Tabs label="Parts of Watch" active={id}
        tabs={PARTS.map(({ id, label }) => ({ id, href: to(id), label: badge[id] ? <>{label} <Badge tone="warn">{badge[id]}</Badge></> : label }))} />
      <h1 class="offscreen">{label}</h1>
      <Part key={whoami.value?.principal} />
    </div>
  );
}
