// Unit tests of the console's TypeScript: every web/src/**/NAME.test.ts, bundled by esbuild and
// run by node's own test runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { require, top } from "./harness.mjs";

const source = join(top, "web/src");
const files = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((it) => it.name.endsWith(".test.ts")).map((it) => join(it.parentPath ?? it.path, it.name)).sort();
const folder = mkdtempSync(join(tmpdir(), "petstore-console-unit-"));
try {
  await require("esbuild").build({
    entryPoints: files.map((path) => ({ in: path, out: relative(source, path).replace(/\.ts$/, "") })),
    bundle: true, platform: "node", format: "esm", outdir: folder, outExtension: { ".js": ".mjs" },
    nodePaths: [join(require.resolve("esbuild/package.json"), "../..")],
    jsx: "automatic", jsxImportSource: "preact", logLevel: "warning",
  });
  const bundles = readdirSync(folder, { recursive: true }).filter((it) => it.endsWith(".mjs")).map((it) => join(folder, it));
  const { stdout } = spawnSync(process.execPath, ["--test", "--test-reporter=tap", ...bundles], { encoding: "utf8", cwd: top });
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(stdout)?.[1] ?? 0);
  if (count("fail") + count("cancelled") > 0) console.log(stdout);
  console.log(`${count("pass")} passed, ${count("fail") + count("cancelled")} failed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
