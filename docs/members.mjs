// The members of one of our JSON files as tables, one an object, from the JSON Schema that
// holds for it: the very text by which petstorectl and the tests judge such a file.

const escape = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
const code = (value) => `<code>${escape(value)}</code>`;

// Between numbers as far as there are any.
function range(schema, unit = "") {
  const [from, to] = [schema.minimum ?? schema.minLength ?? schema.minItems,
    schema.maximum ?? schema.maxLength ?? schema.maxItems];
  if (from === undefined && to === undefined) return "";
  if (to === undefined) return `, at least ${from}${unit}`;
  return `, ${from ?? 0} to ${to}${unit}`;
}

// HTML of the tables; @id is the first one's anchor, and the beginning of the others'.
export function membersAsHtml(schema, id) {
  const waiting = []; // objects that are to get a table
  const anchors = new Map(); // those that have, or wait for, one

  // What $ref stands for, with what stands beside it winning.
  function resolve(at) {
    if (!at.$ref) return at;
    const name = at.$ref.replace("#/$defs/", "");
    const { $ref, ...beside } = at;
    return { ...resolve(schema.$defs[name]), ...beside };
  }

  // One object is one table, wherever it is spoken of: its properties tell which it is.
  function link(object, name) {
    if (!anchors.has(object.properties)) {
      const title = object.title ?? name;
      const anchor = object === schema ? id
        : `${id}-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
      anchors.set(object.properties, { anchor, title });
      waiting.push(object);
    }
    const { anchor, title } = anchors.get(object.properties);
    return `<a href="#${anchor}">${escape(title)}</a>`;
  }

  function typeOf(raw, name) {
    const at = resolve(raw);
    if (at.properties) return link(at, name); // of one with choices, too: they say what goes together
    const choices = at.oneOf ?? at.anyOf;
    if (choices) return choices.map((choice) => typeOf(choice, name)).join(" or ");
    if (at.const !== undefined) return code(JSON.stringify(at.const));
    if (at.enum) return at.enum.map((value) => code(JSON.stringify(value))).join(", ");
    if (at.additionalProperties) return `object of ${typeOf(at.additionalProperties, name)}`;
    if (at.items) return `array of ${typeOf(at.items, name)}`;
    if (at.type === "boolean") return "true or false";
    if (at.format === "regex") return "regular expression";
    if (at.type === "string") return `text${range(at, " characters")}`;
    return `${at.type}${range(at)}`;
  }

  // In AsyncAPI's own objects only what is ours.
  function isShown(object, name) {
    return object.propertyNames === undefined || name.startsWith("x-");
  }

  function row(object, name, raw) {
    const at = resolve(raw);
    const preset = object.required?.includes(name) ? "required"
      : at.default === undefined ? "" : code(JSON.stringify(at.default));
    return `<tr><td>${code(name)}</td><td>${typeOf(raw, name)}</td><td>${preset}</td>`
      + `<td>${escape(at.description ?? "")}</td></tr>`;
  }

  function table(object) {
    const { anchor, title } = anchors.get(object.properties);
    const rows = [];
    for (const [name, raw] of Object.entries(object.properties)) {
      if (isShown(object, name)) rows.push(row(object, name, raw));
      else typeOf(raw, name); // ours may be below
    }
    if (rows.length === 0) return "";
    const heading = object === schema ? "h2" : "h3";
    return `<${heading} id="${anchor}">${escape(title)}</${heading}>\n`
      + (object.description ? `<p>${escape(object.description)}</p>\n` : "")
      + "<table><tr><th>member</th><th>value</th><th>default</th><th></th></tr>\n"
      + `${rows.join("\n")}\n</table>\n`;
  }

  link(schema, id);
  let html = "";
  while (waiting.length > 0) html += table(waiting.shift());
  return html;
}
