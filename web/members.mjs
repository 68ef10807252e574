// The members of one of our JSON files as tables, one an object, from the JSON Schema that
// holds for it: the very text by which petstorectl and the tests judge such a file.
//
// A table is {id, title, description, rows: [{name, type, preset, description}]}; a type is text in
// which `code` stands in backquotes and a link to another table is [its title](#its id).

const code = (value) => `\`${value}\``;

// Between numbers as far as there are any.
function range(schema, unit = "") {
  const [from, to] = [schema.minimum ?? schema.minLength ?? schema.minItems,
    schema.maximum ?? schema.maxLength ?? schema.maxItems];
  if (from === undefined && to === undefined) return "";
  if (to === undefined) return `, at least ${from}${unit}`;
  return `, ${from ?? 0} to ${to}${unit}`;
}

/** @id is the first table's id, and the beginning of the others'. */
export function membersAsTables(schema, id) {
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
      const anchor = object === schema ? id : `${id}-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
      anchors.set(object.properties, { anchor, title });
      waiting.push(object);
    }
    const { anchor, title } = anchors.get(object.properties);
    return `[${title}](#${anchor})`;
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

  function table(object) {
    const { anchor, title } = anchors.get(object.properties);
    const rows = [];
    for (const [name, raw] of Object.entries(object.properties)) {
      const type = typeOf(raw, name); // also of what is not shown: ours may be below
      const at = resolve(raw);
      if (!isShown(object, name)) continue;
      const preset = object.required?.includes(name) ? "required"
        : at.default === undefined ? "" : code(JSON.stringify(at.default));
      rows.push({ name, type, preset, description: at.description ?? "" });
    }
    return rows.length > 0 ? [{ id: anchor, title, description: object.description ?? "", rows }] : [];
  }

  link(schema, id);
  const tables = [];
  while (waiting.length > 0) tables.push(...table(waiting.shift()));
  return { id, title: schema.title, tables };
}
