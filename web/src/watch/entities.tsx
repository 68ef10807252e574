// Entities: which kinds there are, and lists of them by status and owner.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { go, href, route } from "../app/route";
import { may } from "../app/session";
import type { EntityKind, EntityRow } from "../broker/commands";
import { Empty, IconButton, Scroll, Time } from "../ui/basics";
import { askKinds, Failure, Looked, Needs, useAnswer, usePages, type Answer } from "./ask";
import { Bars } from "./bars";
import { OneEntity } from "./entity";
import { replace, to, withParams } from "./where";

const TYPING_MS = 300;
const NUMBER = new Intl.NumberFormat();

export function Entities(): JSX.Element {
  const kinds = useAnswer<{ entities: EntityKind[] }>("listEntities", {}, 0, askKinds);
  const [, , name, id] = route.value.path;
  if (!may("listEntities") && !(id && may("getEntity"))) return <Needs command="listEntities" to="look entities up" />;
  const kind = kinds.data?.entities.find(({ entity }) => entity === name) ?? null;
  if (name && id) return <OneEntity kind={kind} entity={name} id={id} />;
  if (name) return <List kinds={kinds} kind={kind} name={name} />;
  return <Kinds kinds={kinds} />;
}

/** Goes to one by its id. */
function LookUp({ kinds, name }: { kinds: EntityKind[]; name?: string }): JSX.Element {
  const [id, setId] = useState("");
  const [entity, setEntity] = useState(name ?? kinds[0]?.entity ?? "");
  return (
    <form class="look-up" role="search" aria-label="Look one up by its id"
      onSubmit={(event) => {
        event.preventDefault();
        if (id.trim()) go(["watch", "entities", name ?? entity, id.trim()]);
      }}>
      {name ? null : (
        <label>
          Kind
          <select value={entity} onChange={(event) => setEntity(event.currentTarget.value)}>
            {kinds.map((it) => <option key={it.entity}>{it.entity}</option>)}
          </select>
        </label>
      )}
      <label>
        Id
        <input value={id} spellcheck={false} autocomplete="off" placeholder="ord-1001" onInput={(event) => setId(event.currentTarget.value)} />
      </label>
      <button class="primary">Look up</button>
    </form>
  );
}

function Kinds({ kinds }: { kinds: Answer<{ entities: EntityKind[] }> }): JSX.Element {
  const list = kinds.data?.entities ?? [];
  return (
    <>
      <Failure error={kinds.error} />
      {kinds.isAsking && !kinds.data ? <Empty>Asking the broker…</Empty> : null}
      {kinds.data && list.length === 0
        ? <Empty>There is no entity that this account may read anything of.</Empty> : null}
      {list.length > 0 ? <LookUp kinds={list} /> : null}
      <div class="kinds">
        {list.map((kind) => (
          <section key={kind.entity} class="panel" aria-labelledby={`kind-${kind.entity}`}>
            <h2 id={`kind-${kind.entity}`}><a href={to("entities", kind.entity)}>{kind.entity}</a></h2>
            <p class="muted">Table <code>{kind.table}</code>, from {kind.channels.map((address, i) => <span key={address}>{i ? ", " : ""}<code>{address}</code></span>)}{kind.cut ? " and others" : ""}.</p>
            {kind.counts ? (
              <Bars label={`${kind.entity} by status`} none={`There is no ${kind.entity} yet.`}
                bars={Object.entries(kind.counts).map(([status, count]) => ({
                  key: status, label: <code>{status}</code>, count, tone: "accent" as const, href: href(["watch", "entities", kind.entity], { status }),
                }))} />
            ) : <p class="kind-statuses">{mainStatuses(kind).map((status) => <a key={status} href={href(["watch", "entities", kind.entity], { status })}><code>{status}</code></a>)}</p>}
          </section>
        ))}
      </div>
    </>
  );
}

/** Of the status that lists are filtered by. */
const mainStatuses = (kind: EntityKind): string[] => kind.statuses.status ?? Object.values(kind.statuses)[0] ?? [];

function List({ kinds, kind, name }: { kinds: Answer<{ entities: EntityKind[] }>; kind: EntityKind | null; name: string }): JSX.Element {
  const { params } = route.value;
  const status = params.get("status") ?? "";
  const owner = params.get("owner") ?? "";
  const prefix = params.get("id") ?? "";
  const members = useMemo(() => ({
    entity: name, ...(status ? { status } : {}), ...(owner ? { owner } : {}), ...(prefix ? { id: prefix } : {}),
  }), [name, status, owner, prefix]);
  const pages = usePages<EntityRow>("listEntities", members);
  const columns = columnsOf(kind, pages.rows);
  return (
    <>
      <p class="crumbs"><a href={to("entities")}>Entities</a> / <strong>{name}</strong></p>
      <h2 class="offscreen">{name}</h2>
      <Filters kind={kind} name={name} status={status} owner={owner} prefix={prefix} again={pages.again} isAsking={pages.isAsking} />
      {kinds.data && !kind && !pages.error ? <Empty>This account may read no {name}.</Empty> : null}
      <Failure error={pages.error} />
      {pages.first && pages.rows.length === 0 && !pages.hasMore ? <Empty>{status || owner || prefix ? `No ${name} fits.` : `There is no ${name} yet.`}</Empty> : null}
      {pages.rows.length > 0 ? (
        <Scroll label={`${name}, latest change first`}>
          <table class="entities">
            <thead>
              <tr><th scope="col">id</th>{columns.map((it) => <th key={it} scope="col">{it}</th>)}<th scope="col">owner</th><th scope="col">revision</th><th scope="col">changed</th></tr>
            </thead>
            <tbody>
              {pages.rows.map((row) => (
                <tr key={row.id}>
                  <td class="entity-id"><a href={to("entities", name, row.id)}>{row.id}</a></td>
                  {columns.map((it) => <td key={it}>{kind?.statuses[it] && row[it] ? <code>{String(row[it])}</code> : String(row[it] ?? "")}</td>)}
                  <td class="entity-owner">{row.owner ? <a href={withParams(["watch", "entities", name], { owner: row.owner })}>{row.owner}</a> : ""}</td>
                  <td>{row.revision}</td>
                  <td class="entity-time"><Time at={row.updated_at} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      ) : pages.isAsking && pages.empty === 0 ? <Empty>Asking the broker…</Empty> : null}
      <Looked pages={pages} />
      {pages.hasMore ? <button type="button" class="more-rows" disabled={pages.isAsking} onClick={pages.more}>{pages.isAsking ? "Loading…" : "More"}</button> : null}
      <p class="muted" role="status">{pages.rows.length > 0 ? `${NUMBER.format(pages.rows.length)} shown, latest change first${pages.hasMore ? "; there are more" : ""}.` : ""}</p>
    </>
  );
}

const FIXED = ["id", "owner", "revision", "created_at", "updated_at"];
const COLUMNS_MAX = 8; // in a list; the rest is on the page of one

const columnsOf = (kind: EntityKind | null, rows: EntityRow[]): string[] =>
  (kind ? kind.columns.map(({ name }) => name) : Object.keys(rows[0] ?? {})).filter((name) => !FIXED.includes(name)).slice(0, COLUMNS_MAX);

function Filters({ kind, name, status, owner, prefix, again, isAsking }: {
  kind: EntityKind | null; name: string; status: string; owner: string; prefix: string; again: () => void; isAsking: boolean;
}): JSX.Element {
  const [typed, type] = useState({ owner, prefix });
  useEffect(() => type({ owner, prefix }), [owner, prefix]);
  const set = (change: Record<string, string>) => replace(withParams(["watch", "entities", name], change));
  useEffect(() => {
    if (typed.owner === owner && typed.prefix === prefix) return;
    const timer = setTimeout(() => set({ owner: typed.owner, id: typed.prefix }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <form class="filters" role="search" aria-label={`Which ${name}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.prefix) go(["watch", "entities", name, typed.prefix]);
      }}>
      <label>
        Id begins with
        <input type="search" value={typed.prefix} spellcheck={false} onInput={(event) => type({ ...typed, prefix: event.currentTarget.value })} />
      </label>
      <label>
        Status
        <select value={status} onChange={(event) => set({ status: event.currentTarget.value })}>
          <option value="">any</option>
          {[...new Set([...(kind ? mainStatuses(kind) : []), ...(status ? [status] : [])])].map((it) => <option key={it}>{it}</option>)}
        </select>
      </label>
      <label>
        Owner
        <input type="search" value={typed.owner} spellcheck={false} onInput={(event) => type({ ...typed, owner: event.currentTarget.value })} />
      </label>
      <IconButton icon="refresh" label="Load anew" disabled={isAsking} onClick={again} />
    </form>
  );
}
