// Bans: who is held off, for how long, and the way to lift it.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { may } from "../app/session";
import type { CommandError } from "../broker/command-error";
import { alertOf } from "../contract/reference";
import { Badge, Empty, Note, Time } from "../ui/basics";
import { Confirm } from "../ui/confirm";
import { ask, explainError, Failure, Needs, useAnswer } from "./ask";
import { lasting } from "./series";
import type { Ban } from "./types";

const ROUND_MS = 10_000;

export const useBans = () => useAnswer<{ bans: Ban[]; total: number }>("listBans", {}, ROUND_MS);

/** Whom it is about, as liftBan takes it. */
const membersOf = (ban: Ban): Record<string, string> => (ban.of === "principal"
  ? { principal: ban.principal }
  : { clientId: ban.clientId, ...(ban.principal ? { principal: ban.principal } : {}) });

export const whomOf = (ban: Ban): string => (ban.of === "principal" ? `user ${ban.principal}` : `client ${ban.clientId}`);

export function Bans(): JSX.Element {
  const answer = useBans();
  const [chosen, choose] = useState<Ban | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [said, say] = useState<{ tone: "good" | "warn" | "bad"; text: string } | null>(null);
  const title = useRef<HTMLHeadingElement>(null);
  // What was focused goes with the ban that is lifted.
  useEffect(() => {
    if (said) title.current?.focus();
  }, [said]);
  if (!may("listBans")) return <Needs command="listBans" to="see who is held off or banned" />;
  const lift = async (ban: Ban) => {
    setBusy(true);
    try {
      const { lifted } = await ask<{ lifted: number }>("liftBan", membersOf(ban));
      say(lifted > 0
        ? { tone: "good", text: `The broker lifted ${lifted === 1 ? "one ban" : `${lifted} bans`}: ${whomOf(ban)} may connect again.` }
        : { tone: "warn", text: `There was nothing to lift: the ban of ${whomOf(ban)} was over.` });
    } catch (error) {
      say({ tone: "bad", text: explainError(error as CommandError) });
    }
    setBusy(false);
    choose(null);
    answer.again();
  };
  const { bans = [], total = 0 } = answer.data ?? {};
  return (
    <section aria-labelledby="bans-title">
      <div class="row"><h2 id="bans-title" ref={title} tabIndex={-1}>Held off or banned</h2>{answer.data ? <Badge tone={total > 0 ? "warn" : "good"}>{total}</Badge> : null}</div>
      <Failure error={answer.error} />
      <div role="status">{said ? <Note tone={said.tone}>{said.text}</Note> : null}</div>
      <Needs command="liftBan" to="lift a ban" />
      {answer.data && bans.length === 0 ? <Empty>Nobody is held off.</Empty> : null}
      <ul class="cards wide" aria-label="Bans">
        {bans.map((ban) => (
          <li key={`${ban.of} ${ban.clientId} ${ban.principal}`} class="panel ban">
            <div>
              <p class="alert-head"><Badge tone={ban.state === "banned" ? "bad" : "warn"}>{ban.state === "banned" ? "banned" : "held off"}</Badge> <strong>{whomOf(ban)}</strong></p>
              <p class="muted">
                {ban.of === "client" && ban.principal ? `User ${ban.principal}. ` : ""}
                {alertOf(ban.kind).title}; {lasting(ban.secondsLeft)} left, since <Time at={Date.now() - ban.secondsAgo * 1000} />.
              </p>
            </div>
            {may("liftBan") ? <button type="button" onClick={() => choose(ban)}>Lift</button> : null}
          </li>
        ))}
      </ul>
      {total > bans.length ? <Note>{bans.length} of {total} are shown.</Note> : null}
      {chosen ? (
        <Confirm title={`Lift the ban of ${whomOf(chosen)}?`} label="Lift it" isBusy={isBusy} onYes={() => void lift(chosen)} onNo={() => choose(null)}>
          <p>It may connect at once, {lasting(chosen.secondsLeft)} early. If it goes on as before it will be held off again, for longer.</p>
        </Confirm>
      ) : null}
    </section>
  );
}
