import { strict as assert } from "node:assert";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { allKinds, ask, fetchContract, type ContractPart, type EntityKind } from "./commands";
import { CommandError } from "./command-error";
import type { Connection } from "./connection";
import { gunzip } from "./gzip";

const TEXT = JSON.stringify({ documents: [{ info: { title: "Ünïcode 😀", description: Array.from({ length: 9000 }, (_, i) => `${i * 7919 % 9973}`).join() } }], may: [] });

interface Request { offset: number; digest?: string; encoding?: string; parts?: number }

/** A plugin that answers by @answer; what it was asked is in @asked. */
function plugin(answer: (request: Request, times: number) => ContractPart[]) {
  const asked: Request[] = [];
  const connection = {
    commandParts: async (command: string, request: Request, isLast: (came: ContractPart[]) => boolean) => {
      assert.equal(command, "contract");
      asked.push(request);
      const came: ContractPart[] = [];
      for (const part of answer(request, asked.length)) {
        came.push(part);
        if (isLast(came)) break;
      }
      return came;
    },
  } as unknown as Connection;
  return { connection, asked };
}

/** Parts of @bytes as the plugin makes them. */
function packedParts(packed: Buffer, { offset, parts = 1 }: Request, bytes: number): ContractPart[] {
  const ret: ContractPart[] = [];
  for (let at = offset; at < packed.length && ret.length < parts; at += bytes)
    ret.push({
      digest: "d", size: packed.length, offset: at, encoding: "gzip", next: at + bytes < packed.length ? at + bytes : null,
      text: packed.subarray(at, at + bytes).toString("base64"),
    });
  return ret;
}

test("the contract comes compressed, in parts", async () => {
  const packed = gzipSync(TEXT);
  const { connection, asked } = plugin((request) => packedParts(packed, request, 500));
  assert.equal(await fetchContract(connection), TEXT);
  assert.equal(asked.length, Math.ceil(packed.length / 500 / 32));
  assert.ok(asked.length > 1);
  assert.deepEqual(asked.slice(0, 2), [{ offset: 0, encoding: "gzip", parts: 32 }, { offset: 16000, digest: "d", encoding: "gzip", parts: 32 }]);
});

test("a part that was lost is asked for again", async () => {
  const packed = gzipSync(TEXT);
  const { connection, asked } = plugin((request, times) => packedParts(packed, request, 500).filter((_, i) => times > 1 || i !== 3));
  assert.equal(await fetchContract(connection), TEXT);
  assert.equal(asked[1].offset, 1500);
});

test("a broker that is busy is asked again, of which the reader hears", async () => {
  const packed = gzipSync(TEXT);
  let busy = 0;
  const { connection } = plugin((request, times) => {
    if (times < 3) throw new CommandError("other clients' commands are being answered: try again", "busy");
    return packedParts(packed, request, 5000);
  });
  assert.equal(await fetchContract(connection, () => { busy++; }), TEXT);
  assert.equal(busy, 2);
});

test("a reload between two parts: all begins anew, and not without end", async () => {
  const packed = gzipSync(TEXT);
  const changed = () => new CommandError("the contract was changed", "changed");
  const once = plugin((request, times) => {
    if (times === 2) throw changed();
    return packedParts(packed, request, 500);
  });
  assert.equal(await fetchContract(once.connection), TEXT);
  assert.equal(once.asked[2].offset, 0);
  const always = plugin(() => { throw changed(); });
  await assert.rejects(fetchContract(always.connection), { code: "changed" });
  assert.equal(always.asked.length, 4);
});

/** As a plugin without encodings, or where the browser has none. */
function plainParts({ offset, digest }: Request): ContractPart[] {
  const bytes = Buffer.from(TEXT);
  let end = Math.min(bytes.length, offset + 1000);
  while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end--;
  assert.equal(digest, offset === 0 ? undefined : "d");
  return [{ digest: "d", size: bytes.length, offset, next: end < bytes.length ? end : null, text: bytes.subarray(offset, end).toString() }];
}

test("an older plugin gives it as it is", async () => {
  const { connection, asked } = plugin((request) => {
    if (request.encoding) throw new CommandError("/commands/0/encoding: unknown member");
    return plainParts(request);
  });
  assert.equal(await fetchContract(connection), TEXT);
  assert.equal(asked.filter(({ encoding }) => encoding).length, 1);
});

test("a browser without DecompressionStream asks for it as it is", async () => {
  const has = globalThis.DecompressionStream;
  // @ts-expect-error: such browsers are there
  globalThis.DecompressionStream = undefined;
  try {
    const { connection, asked } = plugin(plainParts);
    assert.equal(await fetchContract(connection), TEXT);
    assert.ok(asked.every((request) => request.encoding === undefined && request.parts === undefined));
  } finally {
    globalThis.DecompressionStream = has;
  }
});

test("what expands without end is given up at its bound", async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
  await assert.rejects(gunzip(new Uint8Array(bomb), 1_000_000), RangeError);
  const packed = gzipSync("abc");
  assert.equal(await gunzip(new Uint8Array(packed), 3), "abc");
  await assert.rejects(gunzip(new Uint8Array(packed), 2), RangeError);
  await assert.rejects(gunzip(new Uint8Array(packed.subarray(0, 12)), 3));
});

test("answers that are no parts of a contract are given up", async () => {
  const part = { digest: "d", size: 10, offset: 0, next: 3, text: btoa("abc"), encoding: "gzip" };
  for (const [wrong, code] of [
    [{ ...part, next: 0 }, "malformed"], // it would not end
    [{ ...part, next: 7 }, "malformed"],
    [{ ...part, text: "" }, "malformed"],
    [{ ...part, offset: 5 }, "malformed"],
    [{ ...part, next: null }, "malformed"], // no gzip
    [{ ...part, size: 1e12 }, "too-large"],
  ] as [ContractPart, string][])
    await assert.rejects(fetchContract(plugin(() => [wrong]).connection), { code });
});

// ---- answers that may be large -----------------------------------------------------------------

const ROWS = { rows: Array.from({ length: 900 }, (_, i) => ({ id: `ord-${i}`, owner: "Ünïcode 😀", n: i * 7919 % 9973 })), next: "7" };

/** A plugin that answers what may be large with the messages of @answer; what it was asked is in @asked. */
function looked(answer: (members: Record<string, unknown>, times: number) => unknown[]) {
  const asked: Record<string, unknown>[] = [];
  const commandParts = async (command: string, members: Record<string, unknown>, isLast: (came: unknown[]) => boolean) => {
    asked.push({ command, ...members });
    const came: unknown[] = [];
    for (const part of answer(members, asked.length)) {
      came.push(part);
      if (isLast(came)) break;
    }
    return came;
  };
  const command = async (name: string, members: Record<string, unknown>) => (await commandParts(name, members, () => true))[0];
  return { connection: { commandParts, command } as unknown as Connection, asked };
}

const dataParts = (bytes: number, data: unknown = ROWS): unknown[] =>
  packedParts(gzipSync(JSON.stringify(data)), { offset: 0, parts: 99 }, bytes).map(({ digest: _, ...part }) => part);

test("what may be large comes compressed, in parts; what is small as it is", async () => {
  const { connection, asked } = looked(() => dataParts(500));
  assert.deepEqual(await ask(connection, "listEvents", { limit: 200 }), ROWS);
  assert.deepEqual(asked, [{ command: "listEvents", limit: 200, encoding: "gzip" }]);
  assert.deepEqual(await ask(looked(() => dataParts(1e6)).connection, "history"), ROWS);
  assert.deepEqual(await ask(looked(() => [{ rows: [], next: null }]).connection, "listEvents"), { rows: [], next: null });
});

test("other commands know no encoding", async () => {
  const { connection, asked } = looked(() => [{}]);
  for (const command of ["whoami", "status", "counters", "reload"]) await ask(connection, command);
  assert.ok(asked.every(({ encoding }) => encoding === undefined));
});

test("parts that were lost are asked for again, and not without end", async () => {
  const without = (lost: number) => dataParts(500).filter((_, i) => i !== lost);
  const last = dataParts(500).length - 1;
  for (const lost of [0, 2, last]) {
    const { connection, asked } = looked((_, times) => times > 1 ? dataParts(500) : without(lost));
    assert.deepEqual(await ask(connection, "listEntities", { entity: "order" }), ROWS);
    assert.equal(asked.length, 2);
    const always = looked(() => without(lost));
    await assert.rejects(ask(always.connection, "listEntities"), { code: "no-answer" });
    assert.equal(always.asked.length, 2);
  }
});

test("an older plugin is asked once whether it compresses", async () => {
  const { connection, asked } = looked(({ encoding }) => {
    if (encoding) throw new CommandError("request: /commands/0/encoding: unknown member");
    return [ROWS];
  });
  for (let times = 0; times < 3; times++) assert.deepEqual(await ask(connection, "listEvents"), ROWS);
  assert.equal(asked.filter(({ encoding }) => encoding).length, 1);
});

test("a command that fails fails so, and the next one is asked compressed", async () => {
  let error: CommandError | null = null;
  const { connection, asked } = looked(() => {
    if (error) throw error;
    return dataParts(500);
  });
  for (error of [new CommandError("after: is none that was given"), new CommandError("busy", "busy")])
    await assert.rejects(ask(connection, "listEvents", { after: "x" }), { message: error.message });
  error = null;
  assert.deepEqual(await ask(connection, "listEvents"), ROWS);
  assert.equal(asked.at(-1)!.encoding, "gzip");
});

test("answers that can't be unpacked are given up", async () => {
  const [part] = dataParts(1e6) as Record<string, unknown>[];
  for (const wrong of [{ ...part, text: btoa("abc") }, { ...part, text: "%" }, { ...part, next: 7 },
    ...dataParts(1e6, "x".repeat(2 * 1024 * 1024))])
    await assert.rejects(ask(looked(() => [wrong, { ...part, offset: 7, next: null }]).connection, "listEvents"), { code: "malformed" });
});

test("kinds of entities are asked for until there are no more", async () => {
  const kinds = ["a", "b", "c"].map((entity) => ({ entity }) as EntityKind);
  const asked: Record<string, unknown>[] = [];
  const one = (isLast: boolean) => async (members: Record<string, unknown>) => {
    const at = asked.push(members) - 1;
    return { entities: [kinds[at % 3]], next: isLast && at === 2 ? null : kinds[at % 3].entity };
  };
  assert.deepEqual(await allKinds(one(true)), { entities: kinds });
  assert.deepEqual(asked, [{}, { after: "a" }, { after: "b" }]);
  asked.length = 0;
  await allKinds(one(false)); // a broker that does not end
  assert.equal(asked.length, 64);
  assert.deepEqual(await allKinds(async () => ({ entities: kinds })), { entities: kinds }); // an older plugin
});
