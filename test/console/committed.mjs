// The page that is committed is the one that its sources make, and is what it promises to be:
// small, with a policy that lets nothing but itself run, and without a way to show text as HTML.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, check, finish, top } from "./harness.mjs";

const committed = readFileSync(join(top, "web/console.html"), "utf8");
check("web/console.html is what web/src makes: else `make console`, and commit it",
  committed === readFileSync(join(build, "console.html"), "utf8"));
const gzipped = gzipSync(committed, { level: 9 }).length;
check("at most 400 kB gzipped", gzipped <= 400_000, gzipped);
check("at most 1.5 MB as it is", Buffer.byteLength(committed) <= 1_500_000, Buffer.byteLength(committed));

const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(committed)?.[1] ?? "";
check("nothing is allowed that is not named", policy.startsWith("default-src 'none'; "), policy);
check("one script and one style, by their hashes", policy.match(/(script|style)-src 'sha256-[A-Za-z0-9+/=]+'/g)?.length === 2, policy);
check("nothing unsafe", !/unsafe|\*|https?:/.test(policy), policy);

const sources = join(top, "web/src");
for (const it of readdirSync(sources, { recursive: true, withFileTypes: true })) {
  if (!/\.tsx?$/.test(it.name) || it.name.endsWith(".test.ts")) continue;
  const path = join(it.parentPath ?? it.path, it.name);
  const found = /dangerouslySetInnerHTML|\binnerHTML\b|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/.exec(readFileSync(path, "utf8"));
  check(`${path.slice(top.length + 1)} shows nothing as HTML and runs no text`, !found, found?.[0]);
}
await finish();
