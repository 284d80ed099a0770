import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { mirrorletEnvironment, mirrorletProgram, runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import type { FaultRule } from "../../support/faulty-front.ts";
import { frontedRegistry } from "../../support/fronted-registry.ts";
import type { LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { pushImage } from "../../support/push-image.ts";
import { startRegistry } from "../../support/registry.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";

const run = promisify(execFile);
const skip = partSkipReason("docker-registry");
const MIB = 1024 * 1024;

const { registry, front } = await frontedRegistry(skip);
let image: LabImage;
let big: LabImage;

before(async () => {
  if (skip !== undefined) return;
  image = await pushImage(registry, "f/small", "1", { layers: 3, bytesPerLayer: 3 * MIB });
  big = await pushImage(registry, "f/big", "1", { bytesPerLayer: 20 * MIB });
});

const arguments_ = (name: string): readonly string[] => [
  "dump",
  `gcr.io/f/${name}:1`,
  "--from",
  front.host,
  "--plain-http",
];

async function dumpWith(t: TestContext, name: string, ...rules: readonly FaultRule[]) {
  front.script(...rules);
  front.clearRequests();
  const folder = scratch(t);
  const file = join(folder, "b.tar");
  const ended = await runMirrorlet([...arguments_(name), "-o", file]);
  return { ...ended, file, folder };
}

const BLOB = /\/blobs\/sha256:/;

for (const [what, name, ...rules] of [
  [
    "429 with Retry-After",
    "small",
    { path: BLOB, times: 2, does: { kind: "status", status: 429, headers: { "retry-after": "1" } } },
  ],
  ["503 for manifests and blobs", "small", { times: 2, does: { kind: "status", status: 503 } }],
  [
    "connections that break in the middle",
    "small",
    { path: BLOB, overBytes: -1, times: 3, does: { kind: "cut-answer", afterBytes: 2 * MIB } },
  ],
  [
    "a large blob that comes in pieces",
    "big",
    { path: BLOB, times: 6, does: { kind: "cut-answer", afterBytes: 3 * MIB } },
  ],
] as const)
  test(`${what}: tried again until all is there`, { skip }, async (t) => {
    const { code, stderr, file } = await dumpWith(t, name, ...(rules as readonly FaultRule[]));
    assert.equal(code, 0, stderr);
    const found = await verify(file);
    assert.deepEqual(codes(found), []);
    assert.equal(found.bundle.images[0]?.top.digest, (name === "big" ? big : image).digest);
  });

test("what has come is not asked for again: the rest by Range", { skip }, async (t) => {
  const cut: FaultRule = {
    path: new RegExp(big.blobs[1]?.digest ?? ""),
    times: 2,
    does: { kind: "cut-answer", afterBytes: 5 * MIB },
  };
  assert.equal((await dumpWith(t, "big", cut)).code, 0);
  const asked = front.requests().filter(({ path }) => path.endsWith(big.blobs[1]?.digest ?? "none"));
  const last = (big.blobs[1]?.bytes.length ?? 0) - 1;
  const ranges = asked.map(({ headers }) => headers["range"]);
  assert.deepEqual(ranges, [undefined, `bytes=${5 * MIB}-${last}`, `bytes=${10 * MIB}-${last}`]);
});

test("a registry that does not know Range sends all of it once more, and what was there is dropped", {
  skip,
}, async (t) => {
  const scripted = await startScriptedRegistry();
  t.after(() => scripted.stop());
  scripted.put("f/big", "1", big);
  const path = new RegExp(big.blobs[1]?.digest ?? "");
  scripted.script({ path, times: 2, does: { kind: "cut", afterBytes: 5 * MIB } });
  const file = join(scratch(t), "b.tar");
  const from = ["--from", scripted.host, "--plain-http"];
  const { code, stderr } = await runMirrorlet(["dump", "gcr.io/f/big:1", ...from, "-o", file]);
  assert.equal(code, 0, stderr);
  assert.equal(scripted.requests().filter((one) => path.test(one.path)).length, 3);
  assert.deepEqual(codes(await verify(file)), []);
});

/** Bytes that are not what they should be, as often as said. */
function wrong(digest: string, times: number): FaultRule {
  const change = (chunk: Buffer) =>
    Buffer.concat([chunk.subarray(0, -1), Buffer.from([(chunk.at(-1) ?? 0) ^ 1])]);
  return { path: new RegExp(digest), times, does: { kind: "change-answer", change } };
}

test("bytes that are wrong once are fetched anew; a registry that lies on is named, and no bundle is left", {
  skip,
}, async (t) => {
  const digest = image.blobs[2]?.digest ?? "";
  const once = await dumpWith(t, "small", wrong(digest, 1));
  assert.equal(once.code, 0, once.stderr);
  assert.deepEqual(codes(await verify(once.file)), []);
  const always = await dumpWith(t, "small", wrong(digest, 99));
  assert.equal(always.code, 1);
  assert.match(always.stderr, new RegExp(`gcr.io/f/small:1: .* what the registry sends as ${digest} is`));
  assert.match(always.stderr, /no bundle was made\n$/);
  assert.deepEqual(readdirSync(always.folder), []);
});

test("of a large blob the beginning is in the bundle when its end is wrong: begun anew, and whole", {
  skip,
}, async (t) => {
  const { code, stderr, file, folder } = await dumpWith(t, "big", wrong(big.blobs[1]?.digest ?? "", 1));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /is damaged; asked again, it was right\nmirrorlet: the bundle is begun anew\n/);
  assert.deepEqual(readdirSync(folder), ["b.tar", "b.tar.sha256"]);
  assert.deepEqual(codes(await verify(file)), []);
});

for (const [what, faultFor] of [
  ["sends wrong bytes of a large blob", (digest: string) => wrong(digest, 99)],
  [
    "has a blob no more",
    (digest: string): FaultRule => ({ path: new RegExp(digest), does: { kind: "status", status: 404 } }),
  ],
] as const)
  test(`a registry that ${what}: the images with it are left out and named, and the bundle is whole without them`, {
    skip,
  }, async (t) => {
    const digest = big.blobs[1]?.digest ?? "";
    front.script(faultFor(digest));
    const folder = scratch(t);
    const file = join(folder, "b.tar.zst");
    const from = ["--from", front.host, "--plain-http"];
    const names = ["gcr.io/f/big:1", "gcr.io/f/small:1", "quay.io/f/big:1"];
    const { code, stdout, stderr } = await runMirrorlet(["dump", ...names, ...from, "-o", file]);
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^mirrorlet: gcr.io\/f\/big:1 and 1 more image: .*\nmirrorlet: the bundle is begun anew/,
    );
    const found = await verify(file);
    assert.deepEqual(codes(found), []);
    assert.deepEqual(
      found.bundle.images.map(({ name }) => name),
      ["gcr.io/f/small:1"],
    );
    assert.match(stdout, /2 images left out:\n {2}gcr.io\/f\/big:1\n {4}.*\n {2}quay.io\/f\/big:1\n/);
    assert.match(stdout, new RegExp(`${front.host}.*${digest}`));

    const told = await runMirrorlet(["--json", "dump", ...names, ...from, "-o", join(folder, "c.tar")]);
    assert.equal(told.code, 1);
    const { failed, images } = JSON.parse(told.stdout);
    assert.deepEqual(
      failed.map(({ name }: { name: string }) => name),
      ["gcr.io/f/big:1", "quay.io/f/big:1"],
    );
    assert.equal(images.length, 1);

    const piped = start(["dump", ...names, ...from, "-o", "-"]);
    piped.stdout?.resume();
    const end = await ended(piped);
    assert.equal(end.code, 1);
    assert.match(end.stderr, /what went to standard output is no whole bundle\n$/);
  });

test("begun anew, the older bundle is not read again: it may have come by on standard input", {
  skip,
}, async (t) => {
  front.script();
  const folder = scratch(t);
  const older = join(folder, "older.tar");
  assert.equal((await runMirrorlet([...arguments_("small"), "-o", older])).code, 0);
  const digest = big.blobs[1]?.digest ?? "";
  front.script({ path: new RegExp(digest), does: { kind: "status", status: 404 } });
  const file = join(folder, "b.tar");
  const child = start([...arguments_("big"), "gcr.io/f/small:1", "--since", "-", "-o", file], "pipe");
  child.stdout?.resume();
  const end = ended(child);
  child.stdin?.end(readFileSync(older));
  const { code, stderr } = await end;
  assert.equal(code, 1);
  assert.match(stderr, /gcr.io\/f\/big:1: .*\nmirrorlet: the bundle is begun anew without it\n$/);
  const { bundle } = await verify(file);
  assert.equal(bundle.leftOut?.blobs.length, image.blobs.length);
});

test("a manifest that is not what its digest says, and a blob of another size", { skip }, async (t) => {
  const manifest = await dumpWith(t, "small", {
    path: /manifests\/1$/,
    does: { kind: "change-answer", change: (chunk) => Buffer.from(chunk.toString().replace("2", "3")) },
  });
  assert.equal(manifest.code, 1);
  assert.match(manifest.stderr, /manifest 1: what the registry sends has the digest sha256:.* instead of/);
  const digest = image.blobs[1]?.digest ?? "";
  const size = await dumpWith(t, "small", {
    path: new RegExp(digest),
    does: { kind: "headers", change: (headers) => ({ ...headers, "content-length": "100" }) },
  });
  assert.equal(size.code, 1);
  assert.match(size.stderr, new RegExp(`has 100 bytes as ${digest}, and its manifest says \\d+`));
  assert.deepEqual(readdirSync(size.folder), []);
});

test("401 without a login: 2, and what to do", { skip }, async (t) => {
  const headers = { "www-authenticate": 'Basic realm="lab"' };
  const { code, stderr, folder } = await dumpWith(t, "small", {
    does: { kind: "status", status: 401, headers },
  });
  assert.equal(code, 2, stderr);
  assert.match(stderr, /wants a user name and a password.*--username and --password-stdin/);
  assert.deepEqual(readdirSync(folder), []);
});

/** The program as a process of its own, which can be killed. */
function start(args: readonly string[], stdin: "ignore" | "pipe" = "ignore"): ChildProcess {
  const [program, ...first] = mirrorletProgram();
  return spawn(program, [...first, ...args], {
    env: mirrorletEnvironment,
    stdio: [stdin, "pipe", "pipe"],
  });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}

test("a disk that is full: told, and nothing is left", {
  skip: skip ?? (process.getuid?.() === 0 ? false : "needs root"),
}, async (t) => {
  const disk = join(scratch(t), "disk");
  mkdirSync(disk);
  await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
  try {
    front.script();
    for (const [name, words] of [
      ["b.tar.gz", /no space left there/],
      ["b.tar.zst", /no space left there/],
      ["b.tar", /the bundle has 9\.\d MB, and there are 4\.2 MB free/],
    ] as const) {
      const end = await runMirrorlet([...arguments_("small"), "-o", join(disk, name)]);
      assert.equal(end.code, 1);
      assert.match(end.stderr, words);
      assert.deepEqual(readdirSync(disk), []);
    }
  } finally {
    await run("umount", [disk]);
  }
});

test("killed in the middle it leaves nothing that looks whole, and the next dump sweeps it; SIGTERM leaves nothing", {
  skip,
}, async (t) => {
  const folder = scratch(t);
  const file = join(folder, "b.tar");
  const hang: FaultRule = { path: new RegExp(big.blobs[1]?.digest ?? ""), does: { kind: "hang" } };
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    front.script(hang);
    const child = start([...arguments_("big"), "-o", file]);
    const end = ended(child);
    const isUnderWay = () => readdirSync(folder).some((name) => name.endsWith(`.part${child.pid}`));
    for (let waited = 0; !isUnderWay() && waited < WAIT_LIMIT_MS; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(isUnderWay(), "it did not begin");
    child.kill(signal);
    const { code, stderr } = await end;
    const left = readdirSync(folder);
    if (signal === "SIGKILL") assert.deepEqual(left, [`b.tar.part${child.pid}`]);
    else {
      assert.equal(code, 143, stderr);
      assert.match(stderr, /interrupted\n.*no bundle was made/);
      assert.deepEqual(left, []);
    }
    front.script();
    assert.equal((await runMirrorlet([...arguments_("big"), "-o", file])).code, 0);
    assert.deepEqual(readdirSync(folder).sort(), ["b.tar", "b.tar.sha256"]);
    await run("rm", [file, `${file}.sha256`]);
  }
});

test("an interrupt counts while an older bundle is read, which may take long", { skip }, async (t) => {
  front.script();
  const folder = scratch(t);
  const older = join(folder, "older.tar");
  assert.equal((await runMirrorlet([...arguments_("small"), "-o", older])).code, 0);
  const child = start([...arguments_("small"), "--since", "-", "-o", join(folder, "b.tar")], "pipe");
  const end = ended(child);
  const killed = setTimeout(() => child.kill("SIGKILL"), WAIT_LIMIT_MS);
  // The beginning, and then nothing.
  const piece = readFileSync(older).subarray(0, 2 * MIB);
  await new Promise((resolve) => child.stdin?.write(piece, resolve));
  child.kill("SIGINT");
  assert.equal((await end).code, 130);
  clearTimeout(killed);
});

test("what stands where the checksums go: told, and nothing is left", { skip }, async (t) => {
  front.script();
  const folder = scratch(t);
  mkdirSync(join(folder, "b.tar.sha256"));
  const { code, stderr } = await runMirrorlet([...arguments_("small"), "-o", join(folder, "b.tar")]);
  assert.equal(code, 1, stderr);
  assert.deepEqual(readdirSync(folder), ["b.tar.sha256"]);
});

test("to standard output: the bundle alone, words elsewhere; whoever goes early is told", {
  skip,
}, async (t) => {
  front.script();
  const folder = scratch(t);
  const [program, ...first] = mirrorletProgram();
  const command = [program, ...first, ...arguments_("small"), "-o", "-", "--compression", "none"].join(" ");
  const env = mirrorletEnvironment;
  const { stderr } = await run("sh", ["-c", `${command} > ${join(folder, "b")}`], { env });
  assert.match(stderr, /^1 image, 4 blobs, /);
  assert.deepEqual(codes(await verify(join(folder, "b"))), []);
  const early = await run("sh", ["-c", `{ ${command}; echo "ended $?" >&2; } | head -c 1000 >/dev/null`], {
    env,
  });
  assert.match(early.stderr, /standard output: whoever was to take it has gone/);
  assert.match(early.stderr, /ended 1/);
});

test("nobody reads what is told of it any more: it goes on, and its exit code is its own", {
  skip,
}, async (t) => {
  const digest = big.blobs[1]?.digest ?? "";
  front.script({ path: new RegExp(digest), does: { kind: "status", status: 404 } });
  const folder = scratch(t);
  const child = start([...arguments_("big"), "gcr.io/f/small:1", "-o", join(folder, "b.tar")]);
  child.stdout?.resume();
  child.stderr?.destroy();
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.deepEqual(readdirSync(folder), ["b.tar", "b.tar.sha256"]);
  assert.equal(code, 1, "an image is left out");
});

test("many downloads at once: no word of Node's about it", { skip }, async (t) => {
  front.script();
  await pushImage(registry, "f/many", "1", { layers: 20, bytesPerLayer: 10_000 });
  const child = start([...arguments_("many"), "-o", join(scratch(t), "b.tar"), "--threads", "16"]);
  child.stdout?.resume();
  assert.deepEqual(await ended(child), { code: 0, stderr: "" });
});

test("from one registry to another through a pipe, with nothing on disk", { skip }, async (t) => {
  front.script();
  const target = await startRegistry();
  t.after(() => target.stop());
  const [program, ...first] = mirrorletProgram();
  const own = [program, ...first].join(" ");
  const from = arguments_("small").join(" ");
  const line = `${own} ${from} -o - | ${own} push - --to ${target.host} --plain-http`;
  const env = { ...mirrorletEnvironment, XDG_STATE_HOME: scratch(t) };
  const { stdout } = await run("sh", ["-c", line], { env });
  assert.match(stdout, /^1 image pushed to /);
  const accept = image.mediaType;
  const reply = await fetch(`${target.storage.url}/v2/f/small/manifests/1`, { headers: { accept } });
  assert.equal(reply.headers.get("docker-content-digest"), image.digest);
});
