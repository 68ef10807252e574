// State machines, drawn and as a table; entities with their columns.
import type { JSX } from "preact";
import { href } from "../app/route";
import type { Machine } from "../contract/machines";
import type { Channel, Contract, Entity } from "../contract/model";
import { Badge, Scroll } from "../ui/basics";
import { Diagram } from "../ui/diagram";
import { Heading, ScopeLinks } from "./bits";
import { Fold } from "./fold";
import { seconds } from "./words";

function Channels({ channels }: { channels: Channel[] }): JSX.Element {
  return <>{channels.map(({ id, address }, i) => <span key={id}>{i > 0 ? ", " : ""}<a href={href(["read", "channel", id])}><code>{address}</code></a></span>)}</>;
}

function Steps({ machine, from }: { machine: Machine; from: string | null }): JSX.Element {
  const steps = machine.steps.filter((step) => step.from === from);
  if (steps.length === 0) return <span class="muted">none: it is final</span>;
  return <>{steps.map(({ to, scope }) => <div key={to}><code>{to}</code>{scope ? <> needs <ScopeLinks scopes={[scope]} /></> : null}</div>)}</>;
}

export function MachinePage({ contract, machine, isWhole = false }: { contract: Contract; machine: Machine; isWhole?: boolean }): JSX.Element {
  const users = contract.entities.flatMap((entity) => entity.columns.filter((it) => it.machine === machine.name).map((column) => ({ entity, column })));
  const channels = contract.channels.filter((it) => it.entity && Object.values(it.entity.machines).includes(machine.name));
  const longest = Object.entries(machine.longest);
  return (
    <>
      <Heading level={isWhole ? 2 : 1} to={["machine", machine.name]}>State machine: {machine.name}</Heading>
      {machine.description ? <Fold text={machine.description} /> : null}
      <p>
        {users.length > 0 ? <>It holds for {users.map(({ entity, column }, i) => <span key={entity.name + column.name}>{i > 0 ? ", " : ""}<code>{column.name}</code> of <a href={href(["read", "entity", entity.name])}>{entity.name}</a></span>)}. </> : null}
        {channels.length > 0 ? <>Steps are taken on <Channels channels={channels} />. </> : null}
        {machine.correct ? <>With <ScopeLinks scopes={[machine.correct]} /> any step may be taken, to put a status right.</> : null}
      </p>
      <Diagram machine={machine} />
      <Scroll label={`Steps of ${machine.name}`}>
        <table class="steps">
          <caption>The same as a table</caption>
          <thead><tr><th scope="col">status</th><th scope="col">may follow</th>{longest.length > 0 ? <th scope="col">lasts at most</th> : null}</tr></thead>
          <tbody>
            <tr><th scope="row">it begins with</th><td><Steps machine={machine} from={null} /></td>{longest.length > 0 ? <td /> : null}</tr>
            {machine.states.map((state) => (
              <tr key={state}>
                <th scope="row"><code>{state}</code>{machine.final.includes(state) ? <> <Badge>final</Badge></> : null}</th>
                <td data-label="may follow"><Steps machine={machine} from={state} /></td>
                {longest.length > 0 ? <td data-label="lasts at most">{machine.longest[state] ? `${seconds(machine.longest[state])}, else it is reported` : ""}</td> : null}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

export function EntityPage({ contract, entity, isWhole = false }: { contract: Contract; entity: Entity; isWhole?: boolean }): JSX.Element {
  const channels = contract.channels.filter((it) => it.entity?.entity === entity.name);
  return (
    <>
      <Heading level={isWhole ? 2 : 1} to={["entity", entity.name]}>Entity: {entity.name}</Heading>
      {entity.description ? <Fold text={entity.description} /> : null}
      <p>The broker keeps what was accepted last of each {entity.name}, in the table <code>{entity.table}</code>.{" "}
        {entity.ownerVia ? <>It belongs to the owner of its <a href={href(["read", "entity", entity.ownerVia.entity])}>{entity.ownerVia.entity}</a> (<code>{entity.ownerVia.column}</code>).</> : null}</p>
      <Scroll label={`Columns of ${entity.name}`}>
        <table>
          <thead><tr><th scope="col">column</th><th scope="col">type</th><th scope="col">state machine</th><th scope="col">filled by</th></tr></thead>
          <tbody>
            {entity.columns.map(({ name, type, machine }) => (
              <tr key={name}>
                <th scope="row"><code>{name}</code></th><td>{type}</td>
                <td data-label="state machine">{machine ? <a href={href(["read", "machine", machine])}>{machine}</a> : null}</td>
                <td data-label="filled by"><Channels channels={channels.filter((it) => it.entity && name in it.entity.columns)} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}
