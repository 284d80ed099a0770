import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { forEachGeneration } from "../support/containerd.ts";
import { buildImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { layoutParts } from "../support/layout-parts.ts";
import { compress } from "../support/push-passing.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { tarOf } from "../support/tar.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { writeLayout } from "../support/write-layout.ts";
import { prepareNode } from "./support/lab-node.ts";
import { type CommandEnd, mirrorletEnvironment, mirrorletProgram } from "./support/mirrorlet.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { clusterHeader, credential, dockerConfig, pulled, putMaterial } from "./support/site.ts";

const skip = partSkipReason("docker-registry");

let ca: LabCa;
let trap: UpstreamTrap;
let daemons: SharedDaemons;
let mirror: LabRegistry;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrorlet-push-"));
  if (skip !== undefined) return;
  ca = await createCa();
  trap = await startUpstreamTrap();
  daemons = shareDaemons({ upstreamTrap: trap });
  mirror = await startRegistry({ tls: await ca.issueServer(), auth: { kind: "basic", ...credential } });
  await writeFile(join(folder, "ca.crt"), ca.cert);
  await writeFile(join(folder, "config.json"), dockerConfig(mirror.host, credential));
});

after(async () => {
  await daemons?.stop();
  await Promise.all([trap?.stop(), mirror?.stop()]);
  await rm(folder, { recursive: true });
});

/** The program as an operator runs it; `input` is its standard input. */
function push(args: readonly string[], input: string | Uint8Array = ""): Promise<CommandEnd> {
  const [program, ...first] = mirrorletProgram();
  const env = { ...mirrorletEnvironment, HOME: folder };
  return new Promise((resolve) => {
    const child = execFile(program, [...first, "push", ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

const withFiles = (): readonly string[] => ["--cacert", join(folder, "ca.crt"), "--docker-config", folder];

forEachGeneration(
  "what was pushed is pulled through the mirror that apply set up, by its digest and by its tag",
  async (generation) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon);
    await putMaterial(node, ca.cert, mirror.host, credential);
    const wish = await node.put("cluster.yaml", clusterHeader(node, `${mirror.url}/v2/site/library`));
    const applied = await node.run("apply", wish);
    assert.equal(applied.code, 0, applied.stderr);

    const repository = `anthos/component-${generation}`;
    const images = {
      [`gcr.io/${repository}:list`]: buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2 }),
      [`gcr.io/${repository}:docker`]: buildImage({
        platforms: ["linux/amd64", "linux/arm64"],
        format: "docker",
      }),
    };
    const bundle = join(folder, `bundle-${generation}`);
    await writeLayout(bundle, images);
    const packed = {
      [`gcr.io/${repository}:packed`]: buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2 }),
    };
    const archive = `${bundle}.tar.xz`;
    await writeFile(archive, compress(tarOf(layoutParts(packed)), "xz"));
    for (const [source, count] of [
      [bundle, "2 images"],
      [archive, "1 image"],
    ] as const) {
      const pushed = await push([source, "--to", `${mirror.host}/site/library`, ...withFiles()]);
      assert.equal(pushed.code, 0, pushed.stderr);
      assert.ok(pushed.stdout.startsWith(`${count} pushed to `), pushed.stdout);
    }

    trap.clearContacts();
    for (const [name, image] of Object.entries({ ...images, ...packed }))
      for (const reference of [name, `gcr.io/${repository}@${image.digest}`]) {
        mirror.clearRequests();
        const outcome = await daemon.pull(reference);
        assert.equal(outcome.ok, true, `${reference}: ${JSON.stringify(outcome)}`);
        assert.equal(pulled(mirror).length > 0, true, reference);
        await daemon.removeImage(reference);
      }
    assert.deepEqual(trap.contacts(), []);
  },
);

test("bmctl's words work: --source, --private-registry, --username, and the password from standard input", {
  skip,
}, async () => {
  const bundle = join(folder, "words");
  await writeLayout(bundle, { "gcr.io/words/a:1": buildImage() });
  const given = [
    "--source",
    bundle,
    "--private-registry",
    `${mirror.host}/words`,
    "--cacert",
    join(folder, "ca.crt"),
  ];
  const login = ["--username", credential.username, "--password-stdin"];
  const pushed = await push([...given, ...login], `${credential.password}\n`);
  assert.equal(pushed.code, 0, pushed.stderr);
  const again = await push([...given, ...login, "--json"], `${credential.password}\n`);
  const document = JSON.parse(again.stdout) as { schema: string; images: { result: string }[] };
  assert.deepEqual(
    [document.schema, document.images.map(({ result }) => result)],
    ["mirrorlet.push/v1", ["there"]],
  );
  for (const line of again.stderr.trim().split("\n"))
    assert.equal(JSON.parse(line).schema, "mirrorlet.push-event/v1");

  const without = await push([...given, "--need-credential=false"]);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /wants a user name and a password.*; push without --need-credential=false /);
  const shown = await push([...given, "--username", "x", "--password", "hunter2-not-it"]);
  assert.equal(shown.code, 2);
  assert.match(shown.stderr, /--password shows the password to all users/);
  assert.doesNotMatch(shown.stderr + shown.stdout, /hunter2/);
});

test("standard input: pushed as it comes, dry as well, and what is cut off is an error of the bundle", {
  skip,
}, async () => {
  const images = { "gcr.io/piped/a:1": buildImage({ bytesPerLayer: 50_000 }) };
  const bytes = compress(tarOf(layoutParts(images)), "gzip");
  const to = ["-", "--to", `${mirror.host}/piped`, ...withFiles()];
  mirror.clearRequests();
  const dry = await push([...to, "--dry-run"], bytes);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /5\d\.\d kB {2}gcr\.io\/piped\/a:1 → piped\/piped\/a:1\n/);
  const sent = () => mirror.requests().filter(({ method }) => method !== "GET" && method !== "HEAD");
  assert.deepEqual(sent(), []);
  const cut = await push(to, bytes.subarray(0, 30_000));
  assert.equal(cut.code, 65, cut.stderr);
  assert.match(
    cut.stderr,
    /standard input: cannot be decompressed \(gzip: .*mirrorlet: no image was pushed\n$/s,
  );
  assert.equal(cut.stdout, "", "nothing had come to the registry");
  const pushed = await push(to, bytes);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stdout, /^1 image pushed to /);
});

test("--cert-dir in Docker's layout is believed, --insecure believes everybody, and else a stranger is refused", {
  skip,
}, async () => {
  const bundle = join(folder, "trusted");
  await writeLayout(bundle, { "gcr.io/trusted/a:1": buildImage() });
  const certs = join(folder, "certs.d");
  await mkdir(certs);
  await writeFile(join(certs, "ca.crt"), ca.cert);
  const to = (namespace: string, ...more: readonly string[]) =>
    push([bundle, "--to", `${mirror.host}/${namespace}`, "--docker-config", folder, ...more]);
  mirror.clearRequests();
  const stranger = await to("stranger");
  assert.equal(stranger.code, 2, stranger.stderr);
  assert.deepEqual(mirror.requests(), [], "no login is shown to him");
  for (const [namespace, more] of [
    ["believed", ["--cert-dir", certs]],
    ["anybody", ["--insecure"]],
  ] as const) {
    const pushed = await to(namespace, ...more);
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(pushed.stdout, /^1 image pushed to /);
  }
  const empty = join(folder, "no-certs");
  await mkdir(empty);
  assert.equal((await to("empty", "--cert-dir", empty)).code, 2);
});

test("on a terminal the password is asked for, and not shown", {
  skip: skip ?? (existsSync("/usr/bin/script") ? undefined : "needs script of util-linux"),
}, async () => {
  const bundle = join(folder, "asked");
  await writeLayout(bundle, { "gcr.io/asked/a:1": buildImage() });
  const [program, ...first] = mirrorletProgram();
  const words = [program, ...first, "push", bundle, "--to", mirror.host, "--username", credential.username];
  const command = [...words, "--cacert", join(folder, "ca.crt")].map((word) => `'${word}'`).join(" ");
  const child = spawn("/usr/bin/script", ["-qec", command, "/dev/null"], {
    env: { ...mirrorletEnvironment, HOME: folder },
  });
  let shown = "";
  let isAnswered = false;
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
    if (isAnswered || !shown.includes("Password of ")) return;
    isAnswered = true;
    child.stdin.write(`${credential.password}\r`);
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, shown);
  assert.match(shown, /1 image pushed to /);
  assert.ok(!shown.includes(credential.password), "the password was shown");
});

test("--dry-run tells what would be sent, and sends nothing", { skip }, async () => {
  const bundle = join(folder, "dry");
  await writeLayout(bundle, { "gcr.io/dry/a:1": buildImage({ bytesPerLayer: 50_000 }) });
  mirror.clearRequests();
  const dry = await push([bundle, "--to", mirror.host, "--dry-run", ...withFiles()]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /5\d\.\d kB {2}gcr\.io\/dry\/a:1 → dry\/a:1\n/);
  assert.deepEqual(
    mirror.requests().filter(({ method }) => method !== "GET" && method !== "HEAD"),
    [],
  );
});

test("what cannot be pushed is told at once, and nothing is sent", { skip }, async () => {
  const bundle = join(folder, "clash");
  await writeLayout(bundle, { "gcr.io/same/a:1": buildImage(), "docker.io/same/a:1": buildImage() });
  mirror.clearRequests();
  const clash = await push([bundle, "--to", mirror.host, ...withFiles()]);
  assert.equal(clash.code, 65);
  assert.match(
    clash.stderr,
    /gcr\.io\/same\/a:1 \(sha256:.*\): docker\.io\/same\/a:1 is a different image, and each would be same\/a:1 at the mirror/,
  );
  assert.deepEqual(mirror.requests(), []);
  assert.equal((await push([bundle])).code, 64);
  assert.equal((await push([join(folder, "nothing"), "--to", mirror.host])).code, 65);
});
