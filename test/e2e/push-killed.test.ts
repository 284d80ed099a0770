import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PROBE_DIGEST } from "../../src/bundle/registry/probe-mounts.ts";
import { frontedRegistry } from "../support/fronted-registry.ts";
import { buildImage, type LabImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { indexFirst, layoutParts } from "../support/layout-parts.ts";
import { compress } from "../support/push-passing.ts";
import { tarOf } from "../support/tar.ts";
import { mirrorletEnvironment, mirrorletProgram } from "./support/mirrorlet.ts";

const skip = partSkipReason("docker-registry");
const THREADS = 4;

const { registry, front } = await frontedRegistry(skip);
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrorlet-killed-"));
});

after(async () => {
  await rm(folder, { recursive: true });
});

/** The program on its way; its HOME is kept, and the journal with it. */
function begin(source: string, to: string): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const [program, ...first] = mirrorletProgram();
  const args = [...first, "push", source, "--to", to, "--plain-http", "--threads", String(THREADS)];
  const child = spawn(program, args, { env: { ...mirrorletEnvironment, HOME: folder } });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
  return { child, ended };
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Uploads of blobs that have begun. */
function blobPuts() {
  return front
    .requests()
    .filter(({ method, path }) => method === "PUT" && path.includes("/blobs/uploads/"))
    .map(({ query, status }) => ({ digest: String(query["digest"]), status }))
    .filter(({ digest }) => digest !== PROBE_DIGEST);
}

function uploads(): readonly string[] {
  return blobPuts().map(({ digest }) => digest);
}

/** Uploads of what the registry had said before that it has. */
function sentThoughDone(): number {
  const done = new Set<string>();
  let again = 0;
  for (const { digest, status } of blobPuts()) {
    if (done.has(digest)) again++;
    if (status === 201) done.add(digest);
  }
  return again;
}

/** What was under way at a kill comes to its end at the registry. */
async function untilQuiet(): Promise<void> {
  const answered = (): number => front.requests().filter(({ status }) => status !== 0).length;
  for (let before = -1, tries = 0; before !== answered() && tries < 50; tries++) {
    before = answered();
    await sleep(200);
  }
}

/** Resolves when so many uploads have begun, or the program has ended. */
async function untilUploads(count: number, ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  for (let tries = 0; uploads().length < count && !isOver && tries < 60_000; tries++) await sleep(2);
}

/** Numbers that follow from a seed: https://en.wikipedia.org/wiki/Linear_congruential_generator */
function numbersFrom(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(below));
  };
}

async function assertWhole(namespace: string, images: Readonly<Record<string, LabImage>>): Promise<void> {
  for (const [name, image] of Object.entries(images)) {
    const [, path = "", tag = ""] = /^[^/]*\/(.*):(.*)$/.exec(name) ?? [];
    for (const part of [`manifests/${tag}`, ...image.blobs.map(({ digest }) => `blobs/${digest}`)]) {
      const headers = { accept: image.mediaType };
      const reply = await fetch(`${registry.url}/v2/${namespace}/${path}/${part}`, {
        method: "HEAD",
        headers,
      });
      assert.equal(reply.status, 200, `${name} ${part}`);
      if (part.startsWith("manifests/"))
        assert.equal(reply.headers.get("docker-content-digest"), image.digest);
    }
  }
}

for (const kind of ["tar.gz", "tar", "index-first.tar.gz"] as const)
  test(`${kind}: killed at ten random moments, a push goes on where it was`, { skip }, async (context) => {
    const seed = Number(process.env["SEED"] ?? randomInt(1_000_000));
    context.diagnostic(`SEED=${seed}`);
    const next = numbersFrom(seed);
    const images = Object.fromEntries(
      [1, 2, 3, 4, 5, 6].map((n) => [
        `gcr.io/k/i${n}:1`,
        buildImage({ layers: 6, bytesPerLayer: n === 3 ? 13_000_000 : 300_000 }),
      ]),
    );
    const source = join(folder, `bundle.${kind}`);
    const parts = kind.startsWith("index-first") ? indexFirst(images) : layoutParts(images);
    await writeFile(source, compress(tarOf(parts), kind === "tar" ? "tar" : "gzip"));
    const namespace = kind.replaceAll(".", "-");
    const to = `${front.host}/${namespace}`;
    front.clearRequests();
    let kills = 0;
    for (let moment = 0; moment < 10; moment++) {
      const { child, ended } = begin(source, to);
      await untilUploads(uploads().length + 1 + next(5), ended);
      await sleep(next(30));
      child.kill("SIGKILL");
      if ((await ended).signal === "SIGKILL") kills++;
      await untilQuiet();
    }
    const last = await begin(source, to).ended;
    assert.equal(last.code, 0, last.output);
    await assertWhole(namespace, images);

    const counts = new Map<string, number>();
    for (const digest of uploads()) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    const again = uploads().length - counts.size;
    const needless = sentThoughDone();
    context.diagnostic(
      `${kills} kills, ${counts.size} blobs, ${again} sent again, ${needless} of these had been taken`,
    );
    assert.ok(kills >= 1, "it was never killed");
    // At a kill so many are under way, and no other is sent again.
    assert.ok(again <= kills * THREADS, `${again} uploads began again after ${kills} kills`);
    // An answer may come too late to be written down, and that seldom.
    assert.ok(needless <= kills, `${needless} blobs were sent again though they had been taken`);

    front.clearRequests();
    const idle = await begin(source, to).ended;
    assert.equal(idle.code, 0, idle.output);
    assert.match(idle.output, /^0 images pushed to .*, 6 there before$/m);
    assert.deepEqual(
      [...new Set(front.requests().map(({ method }) => method))].sort(),
      ["GET", "HEAD"],
      "nothing but questions",
    );
  });

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  test(`${signal}: ends in order, tells how to go on, and the same command does`, { skip }, async () => {
    const images = {
      [`gcr.io/${signal.toLowerCase()}/a:1`]: buildImage({ layers: 8, bytesPerLayer: 400_000 }),
    };
    const source = join(folder, `${signal}.tar.gz`);
    await writeFile(source, compress(tarOf(layoutParts(images)), "gzip"));
    front.clearRequests();
    front.script({ method: "PUT", path: /blobs/, overBytes: 100_000, does: { kind: "hang" } });
    const { child, ended } = begin(source, `${front.host}/signals`);
    await untilUploads(3, ended);
    child.kill(signal);
    const stopped = await ended;
    assert.equal(stopped.code, code, stopped.output);
    assert.match(stopped.output, /The same command goes on from here: what is there is not sent again\./);
    front.script();
    const again = await begin(source, `${front.host}/signals`).ended;
    assert.equal(again.code, 0, again.output);
    await assertWhole("signals", images);
  });

test("interrupted while standard input says nothing: ends at once, and from a file it goes on", {
  skip,
}, async () => {
  const images = { "gcr.io/silent/a:1": buildImage({ layers: 8, bytesPerLayer: 400_000 }) };
  const bytes = compress(tarOf(layoutParts(images)), "gzip");
  const source = join(folder, "silent.tar.gz");
  await writeFile(source, bytes);
  front.script();
  front.clearRequests();
  const { child, ended } = begin("-", `${front.host}/silent`);
  child.stdin?.on("error", () => {}); // It ends before it has read all.
  child.stdin?.write(bytes.subarray(0, bytes.length / 2));
  await untilUploads(3, ended);
  child.kill("SIGINT");
  const stopped = await ended;
  assert.equal(stopped.code, 130, stopped.output);
  assert.match(
    stopped.output.replaceAll(/\s+/g, " "),
    /The repository silent\/mirrorlet-staging\/\w+ keeps what was sent before it ended/,
  );
  const again = await begin(source, `${front.host}/silent`).ended;
  assert.equal(again.code, 0, again.output);
  await assertWhole("silent", images);
  const sent = uploads();
  assert.ok(sent.length - new Set(sent).size <= THREADS, "what had come was not sent again");
});
