// The whole contract on one page: to print, to look through with the browser's own search.
import type { JSX } from "preact";
import type { Contract } from "../contract/model";
import { ChannelPage } from "./channel";
import { Fold } from "./fold";
import { groupsOf } from "./groups";
import { EntityPage, MachinePage } from "./machine";
import { Limits, Reasons, Scopes, Servers } from "./pages";

export function Everything({ contract }: { contract: Contract }): JSX.Element {
  return (
    <div class="everything">
      <div class="row no-print">
        <button type="button" class="primary" onClick={() => print()}>Print</button>
        <span class="muted">{contract.channels.length} topics on one page</span>
      </div>
      <h1>{contract.title} {contract.version}</h1>
      {contract.description ? <Fold text={contract.description} /> : null}
      <Servers contract={contract} />
      {groupsOf(contract).map(({ name, channels }) => (
        <section key={name}>
          <h1>{name}</h1>
          {channels.map((channel) => <section key={channel.id} class="whole"><ChannelPage contract={contract} channel={channel} isWhole /></section>)}
        </section>
      ))}
      {contract.machines.map((machine) => <section key={machine.name} class="whole"><MachinePage contract={contract} machine={machine} isWhole /></section>)}
      {contract.entities.map((entity) => <section key={entity.name} class="whole"><EntityPage contract={contract} entity={entity} isWhole /></section>)}
      <Scopes contract={contract} />
      <Limits contract={contract} />
      <Reasons />
    </div>
  );
}
