// For operators: the plugin's options, and the members of their files.
import type { JSX } from "preact";
import { href } from "../app/route";
import { configFiles, options, version, type MemberTable } from "../contract/reference";
import { Copy, Empty, Prose, Scroll } from "../ui/basics";
import { Heading } from "./bits";

/** A type has `code` in backquotes, and [links](#to) other tables. */
function Type({ text, file }: { text: string; file: string }): JSX.Element {
  return (
    <>
      {text.split(/(\[[^\]]+\]\(#[^)]+\))/).map((part, i) => {
        const link = /^\[(.+)\]\(#(.+)\)$/.exec(part);
        return link ? <a key={i} href={href(["read", "configuration", file, link[2]])}>{link[1]}</a> : <Prose key={i} text={part} />;
      })}
    </>
  );
}

function Members({ table, file }: { table: MemberTable; file: string }): JSX.Element {
  return (
    <section>
      <Heading to={["configuration", file, table.id]}>{table.title}</Heading>
      {table.description ? <p>{table.description}</p> : null}
      <Scroll label={table.title}>
        <table>
          <thead><tr><th scope="col">member</th><th scope="col">value</th><th scope="col">default</th><th scope="col">what it says</th></tr></thead>
          <tbody>
            {table.rows.map(({ name, type, preset, description }) => (
              <tr key={name}><th scope="row"><code>{name}</code></th><td><Type text={type} file={file} /></td><td data-label={preset && preset !== "required" ? "default" : undefined}><Prose text={preset} /></td><td>{description}</td></tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

export function Options(): JSX.Element {
  return (
    <>
      <p>Lines of <code>mosquitto.conf</code>, after <code>plugin</code>.</p>
      <Scroll label="Options">
        <table>
          <thead><tr><th scope="col">line</th><th scope="col">value</th><th scope="col">default</th><th scope="col">what it says</th></tr></thead>
          <tbody>
            {options.map(({ name, value, default: preset, help, required }) => (
              <tr key={name} id={`configuration/options/${name}`}>
                <th scope="row"><code>plugin_opt_{name}</code> <Copy text={`plugin_opt_${name}`} label={`Copy plugin_opt_${name}`} /></th>
                <td>{value}</td><td data-label={required ? undefined : "default"}>{required ? "required" : preset ?? "none"}</td><td>{help}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="muted">mosquitto_petstore {version}</p>
    </>
  );
}

export function Configuration({ id = "options" }: { id?: string }): JSX.Element {
  if (id === "options") return <><Heading level={1} to={["configuration", "options"]}>Options of the plugin</Heading><Options /></>;
  const file = configFiles.find((it) => it.id === id);
  if (!file) return <Empty>There is no such file.</Empty>;
  return (
    <>
      <h1 id={`configuration/${id}`}>{file.title}</h1>
      {file.tables.map((table) => <Members key={table.id} table={table} file={id} />)}
    </>
  );
}
