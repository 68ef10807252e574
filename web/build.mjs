// Builds the console: one HTML file with all that it needs in it.
//
//     node build.mjs OUT.html [--reference FILE] [--contract FILE.json]
//
// Run in a folder with node_modules, tsconfig.json and src (the Makefile's B/web). --reference is
// what reference.mjs puts together: options, reasons and alerts. --contract puts a document into the
// page, to be read without a broker: JSON, AsyncAPI 3.x, bundled.
//
// The page may run its own script and use its own styles, by their hashes, and may connect to
// brokers; nothing else. What is put into it beside these is data, which no browser runs.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const GZIPPED_MAX = 400_000; // bytes of the page as it is fetched
const RAW_MAX = 1_500_000; // and as http_dir sends it, which compresses nothing

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { reference: { type: "string" }, contract: { type: "string" } },
});
const [out] = positionals;

const bundle = await build({
  entryPoints: ["src/main.tsx"],
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: "out",
  format: "iife",
  target: ["es2022", "chrome110", "firefox115"],
  preserveSymlinks: true,
  legalComments: "none",
  charset: "utf8",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
const text = (ext) => bundle.outputFiles.find(({ path }) => path.endsWith(ext)).text.trim();
// "</script" and "<!--" in a string would end the element, or change how it is read.
const script = text(".js").replace(/<\/script/gi, "<\\/script").replace(/<!--/g, "<\\!--");
const style = text(".css");
const hash = (content) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
// Data stands in an element that no browser runs; "<" is written so that it ends no element.
const data = (id, path) => (path
  ? `<script type="application/json" id="${id}">${JSON.stringify(JSON.parse(readFileSync(path, "utf8"))).replace(/</g, "\\u003c")}</script>\n`
  : "");

// The licences of what is in the script ask that they go with it.
function licences() {
  const folders = new Set(Object.keys(bundle.metafile.inputs)
    .map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((it) => /^licen[cs]e/i.test(it));
    if (!file && !license) throw new Error(`${name} has no licence`);
    return `${name} ${version}\n\n${file ? readFileSync(`${folder}/${file}`, "utf8").trim() : license}\n`;
  }).join("\n");
}

const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "img-src data:",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Console</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%232457d6'/%3E%3Cpath d='M4 8.5l2.5 2.5L12 5.5' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E">
<style>${style}</style>
</head>
<body>
<noscript>The console needs JavaScript.</noscript>
<div id="app"></div>
${data("reference", values.reference)}${data("built-in", values.contract)}<script>${script}</script>
<!--
This page contains these programs, under their licences:

${licences().replace(/--+>?/g, "-")}-->
</body>
</html>
`;
const gzipped = gzipSync(html, { level: 9 }).length;
const raw = Buffer.byteLength(html);
console.log(`${out}: ${raw} bytes, ${gzipped} gzipped`);
if (!values.contract && (gzipped > GZIPPED_MAX || raw > RAW_MAX)) {
  console.error(`${out}: too large: at most ${RAW_MAX} bytes, ${GZIPPED_MAX} gzipped`);
  process.exit(1);
}
writeFileSync(out, html);
