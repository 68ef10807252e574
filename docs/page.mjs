// Renders a contract with AsyncAPI's React component, and our configuration reference beside
// it, as one page that needs nothing else: no server, no network.
//
//     node page.mjs CONTRACT REFERENCE.html PAGE.html NAME.schema.json...
//
// DOCS_HOME is where npm installed. The schemas are those of our own files.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, resolve } from "node:path";
import { membersAsHtml } from "./members.mjs";

const [contract, reference, page, ...schemas] = process.argv.slice(2);
const require = createRequire(resolve(process.env.DOCS_HOME ?? ".", "package.json"));
const { Parser, stringify } = require("@asyncapi/parser");

const component = require.resolve("@asyncapi/react-component/browser/standalone/without-parser.js");
const style = require.resolve("@asyncapi/react-component/styles/default.min.css");

const { document, diagnostics } = await new Parser().parse(readFileSync(contract, "utf8"),
  { source: resolve(contract) });
if (!document) {
  console.error(`${contract}: ${diagnostics[0]?.message ?? "not an AsyncAPI document"}`);
  process.exit(1);
}

// Inside a script element nothing may look like its end, nor like a comment's beginning.
const inline = (code) => code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "<\\!--");
const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const title = escape(document.info().title());
const files = schemas.map((path) => {
  const schema = JSON.parse(readFileSync(path, "utf8"));
  const id = basename(path, ".schema.json");
  return { id, title: escape(schema.title), html: membersAsHtml(schema, id) };
});
const links = files.map(({ id, title }) => `<a href="#${id}">${title}</a>`).join("");

writeFileSync(page, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${readFileSync(style, "utf8")}</style>
<style>
body { margin: 0; font-family: system-ui, sans-serif; }
nav { background: #1a202c; padding: .75rem 1.25rem; }
nav a { color: #fff; margin-right: 1.5rem; text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
#configuration { max-width: 70rem; margin: 0 auto; padding: 2rem 1.25rem; }
#configuration h2 { font-size: 1.5rem; margin: 2rem 0 .5rem; }
#configuration h3 { font-size: 1.1rem; margin: 1.5rem 0 .25rem; }
#configuration td:nth-child(4) { min-width: 20rem; }
#configuration table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
#configuration th, #configuration td { border-bottom: 1px solid #cbd5e0; padding: .4rem .8rem .4rem 0;
  text-align: left; vertical-align: top; }
#configuration code { font-family: ui-monospace, monospace; font-size: .9em; }
</style>
</head>
<body>
<nav><a href="#contract">${title}</a><a href="#options">Options</a><a href="#reasons">Reasons of a refusal</a>${links}</nav>
<div id="contract"></div>
<div id="configuration">
${readFileSync(reference, "utf8")}${files.map(({ html }) => html).join("")}</div>
<script>${inline(readFileSync(component, "utf8"))}</script>
<script>
AsyncApiStandalone.render({
  schema: JSON.parse(${inline(JSON.stringify(stringify(document)))}),
  config: { show: { sidebar: true, errors: true }, sidebar: { showOperations: "byDefault" } },
}, document.getElementById("contract"));
</script>
</body>
</html>
`);
