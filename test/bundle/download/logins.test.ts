import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { mirrorletEnvironment, mirrorletProgram, runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { dockerConfig } from "../../e2e/support/site.ts";
import { startCraneRegistry } from "../../support/crane-registry.ts";
import { startFaultyFront } from "../../support/faulty-front.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { labManifest, labObject } from "../../support/memory-bundle.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { copyImage, pushImage } from "../../support/push-image.ts";
import { startRegistry } from "../../support/registry.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";
import { startUpstream } from "../../support/upstream.ts";

ownState();

const skip = partSkipReason("docker-registry");
const login = { username: "puller", password: "let-me-in" };

test("TLS with a CA of its own and Basic, by the name that the images have", { skip }, async (t) => {
  const ca = await createCa();
  const registry = await startRegistry({ tls: await ca.issueServer(), auth: { kind: "basic", ...login } });
  t.after(() => registry.stop());
  const image = await pushImage(registry, "a/b", "1", { layers: 2 });
  const folder = scratch(t);
  const at = (name: string) => join(folder, name);
  writeFileSync(at("ca.crt"), ca.cert);
  writeFileSync(at("config.json"), dockerConfig(registry.host, login));
  const name = `${registry.host}/a/b:1`;
  const dump = (...more: readonly string[]) => runMirrorlet(["dump", name, "-o", at("b.tar"), ...more]);

  const stranger = await dump("--docker-config", at("config.json"));
  assert.equal(stranger.code, 2);
  assert.match(stranger.stderr, /name the CA that signed it with --cacert FILE/);
  const none = await dump("--cacert", at("config.json"));
  assert.equal(none.code, 64);
  assert.match(none.stderr, /--cacert .*config\.json: there is no certificate in it: it has to be PEM/);
  const other = await startScriptedRegistry({ tls: await ca.issueServer() });
  t.after(() => other.stop());
  other.put("a/c", "1", image);
  const piped = promisify(execFile)("bash", [
    "-c",
    '"$@" --cacert <(cat "$0")',
    at("ca.crt"),
    ...mirrorletProgram(),
    ...["dump", name, `${other.host}/a/c:1`, "-o", at("p.tar"), "--docker-config", at("config.json")],
  ]);
  await assert.doesNotReject(piped, "a pipe is read once, for both registries, and not for a look at it");
  const nobody = await dump("--cacert", at("ca.crt"), "--no-registry-credential");
  assert.equal(nobody.code, 2);
  const fine = await dump("--cacert", at("ca.crt"), "--docker-config", at("config.json"));
  assert.equal(fine.code, 0, fine.stderr);
  const { bundle } = await verify(at("b.tar"));
  assert.deepEqual(
    bundle.images.map((one) => [one.name, one.top.digest]),
    [[name, image.digest]],
  );
  mkdirSync(at("certs"));
  writeFileSync(at("certs/ca.crt"), ca.cert);
  const { username, password } = login;
  const given = await dump("--cert-dir", at("certs"), "--username", username, "--password", password);
  assert.equal(given.code, 0, given.stderr);
  assert.match(given.stderr, /--password shows the password/);
  assert.doesNotMatch(given.stderr, /let-me-in/);
  const two = await dump("gcr.io/other:1", "--username", username, "--password", password);
  assert.equal(two.code, 64);
  assert.match(two.stderr, /one login, and 2 registries/);
});

test("a login that is refused is tried once, not for each image, and told once", { skip }, async (t) => {
  const registry = await startRegistry({ auth: { kind: "basic", ...login } });
  t.after(() => registry.stop());
  const names = Array.from({ length: 5 }, (_, at) => `gcr.io/a/b:${at}`);
  const from = ["--from", registry.host, "--plain-http", "--username", "puller", "--password", "wrong"];
  const { code, stderr } = await runMirrorlet(["dump", ...names, ...from, "-o", join(scratch(t), "b.tar")]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /gcr\.io\/a\/b:0 and 4 more images: .* refuses the login that was given \(status 401\);/,
  );
  const tried = registry.requests().filter(({ headers }) => headers["authorization"] !== undefined);
  assert.equal(tried.length, 1);
});

test("a login that a token service refuses is tried once, too", { skip }, async (t) => {
  const registry = await startRegistry({ auth: { kind: "token", ...login, anonymousPull: true } });
  t.after(() => registry.stop());
  await pushImage(registry, "a/b", "1");
  const names = Array.from({ length: 5 }, (_, at) => `gcr.io/a/b${at}:1`);
  const from = ["--from", registry.host, "--plain-http", "--username", "puller", "--password", "wrong"];
  const { code, stderr } = await runMirrorlet(["dump", ...names, ...from, "-o", join(scratch(t), "b.tar")]);
  assert.equal(code, 2);
  assert.match(stderr, /gcr\.io\/a\/b0:1 and 4 more images: .* a token for this login: status 401/);
  const tried = registry
    .requests()
    .filter(({ headers }) => String(headers["authorization"]).startsWith("Basic"));
  assert.equal(tried.length, 1);
});

test("images that all may pull come without a login, though the registry as such lets nobody in", {
  skip,
}, async (t) => {
  // As Harbor answers /v2/ to tokens that belong to nobody.
  const registry = await startRegistry({ auth: { kind: "token", ...login, anonymousPull: true } });
  t.after(() => registry.stop());
  const front = await startFaultyFront(registry.url);
  t.after(() => front.stop());
  await pushImage(registry, "public/b", "1");
  const challenge = (await fetch(`${registry.url}/v2/`)).headers.get("www-authenticate") ?? "";
  assert.match(challenge, /^Bearer /);
  front.script({
    path: /^\/v2\/$/,
    does: { kind: "status", status: 401, headers: { "www-authenticate": challenge } },
  });
  const file = join(scratch(t), "b.tar");
  const from = ["--from", front.host, "--plain-http", "--no-registry-credential"];
  const { code, stderr } = await runMirrorlet(["dump", "gcr.io/public/b:1", ...from, "-o", file]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(codes(await verify(file)), []);
});

test("through a proxy by CONNECT; NO_PROXY with a network goes past it", { skip }, async (t) => {
  const ca = await createCa();
  const tls = await ca.issueServer({ hosts: ["mirror.lab", "127.0.0.1"] });
  const registry = await startRegistry({ tls, auth: { kind: "basic", ...login } });
  t.after(() => registry.stop());
  await pushImage(registry, "a/b", "1", { layers: 2 });
  const proxy = await startUpstream(ca, { "mirror.lab:5000": registry.host });
  t.after(() => proxy.stop());
  const folder = scratch(t);
  const at = (name: string) => join(folder, name);
  writeFileSync(at("ca.crt"), ca.cert);
  const dump = (host: string, more: Readonly<Record<string, string>> = {}) => {
    const [program, ...first] = mirrorletProgram();
    const files = ["--cacert", at("ca.crt"), "-o", at(`${host}.tar`)];
    const given = ["--username", login.username, "--password-stdin"];
    const env = {
      ...mirrorletEnvironment,
      HOME: folder,
      HTTPS_PROXY: proxy.daemonOptions.upstreamTrap.url,
      ...more,
    };
    const args = [...first, "dump", `${host}/a/b:1`, ...files, ...given];
    return new Promise<string | undefined>((resolve) => {
      const child = execFile(program, args, { env }, (error, _, stderr) =>
        resolve(error === null ? undefined : stderr),
      );
      child.stdin?.end(login.password);
    });
  };

  assert.equal(await dump("mirror.lab:5000"), undefined);
  assert.deepEqual([...new Set(proxy.contacts().map(({ target }) => target))], ["mirror.lab:5000"]);
  assert.deepEqual(codes(await verify(at("mirror.lab:5000.tar"))), []);
  proxy.clearContacts();
  assert.equal(await dump(registry.host, { NO_PROXY: "10.0.0.0/8,127.0.0.0/8" }), undefined);
  assert.deepEqual(proxy.contacts(), []);
});

test("a token service that gives tokens for pulls alone, and whose tokens end soon", { skip }, async (t) => {
  const auth = { kind: "token", ...login, anonymousPull: true, lifetimeSeconds: 2 } as const;
  const registry = await startRegistry({ auth });
  t.after(() => registry.stop());
  await pushImage(registry, "a/b", "1", { layers: 4, bytesPerLayer: 200_000 });
  await pushImage(registry, "c/d", "1");
  const file = join(scratch(t), "b.tar");
  const from = ["--from", registry.host, "--plain-http", "--need-credential=false"];
  const ended = await runMirrorlet(["dump", "gcr.io/a/b:1", "gcr.io/c/d:1", ...from, "-o", file]);
  assert.equal(ended.code, 0, ended.stderr);
  const scopes = registry
    .requests()
    .flatMap(({ path, query }) =>
      path === "/token" && query["scope"] !== undefined ? [query["scope"]] : [],
    );
  assert.deepEqual([...new Set(scopes)].sort(), ["repository:a/b:pull", "repository:c/d:pull"]);
  assert.deepEqual(codes(await verify(file)), []);
});

test("referrers come along, from a list or from the tag where clients keep it, and referrers of these; not if unwanted", {
  skip: skip ?? partSkipReason("crane"),
}, async (t) => {
  const crane = await startCraneRegistry();
  t.after(() => crane.stop());
  const registry = await startRegistry();
  t.after(() => registry.stop());
  const type = "application/vnd.oci.image.manifest.v1+json";
  const empty = labObject("application/vnd.oci.empty.v1+json", Buffer.from("{}"));
  const about = ({ digest, bytes }: { digest: string; bytes: Uint8Array }, what: string) =>
    labManifest(
      type,
      JSON.stringify({
        schemaVersion: 2,
        mediaType: type,
        artifactType: what,
        config: { mediaType: empty.mediaType, digest: empty.digest, size: 2 },
        layers: [],
        subject: { mediaType: type, digest, size: bytes.length },
      }),
      [empty],
    );
  const image = await pushImage(registry, "a/b", "1");
  const [manifest] = image.manifests;
  assert.ok(manifest);
  const signature = about(manifest, "application/vnd.example.signature");
  const second = about(signature.manifests[0] ?? manifest, "application/vnd.example.counter");
  const folder = scratch(t);
  const layout = join(folder, "all.tar");
  await copyImage(registry, "a/b", "sig", signature);
  await copyImage(registry, "a/b", "counter", second);
  // push keeps the tags that this registry needs.
  const copy = ["dump", "gcr.io/a/b:1", "gcr.io/a/b:sig", "gcr.io/a/b:counter"];
  const { code } = await runMirrorlet([...copy, "--from", registry.host, "--plain-http", "-o", layout]);
  assert.equal(code, 0);
  for (const host of [registry.host, new URL(crane.url).host]) {
    const pushed = await runMirrorlet(["push", layout, "--to", `${host}/two`, "--plain-http"]);
    assert.equal(pushed.code, 0, pushed.stdout);
    const from = ["--from", `${host}/two`, "--plain-http"];
    const file = join(folder, "b.tar");
    const ended = await runMirrorlet(["dump", "gcr.io/a/b:1", ...from, "-o", file]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /^1 image and 2 referrers, /);
    const { bundle, problems } = await verify(file);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      bundle.images.map(({ name, top }) => [name, top.digest]),
      [["gcr.io/a/b:1", image.digest], ...[signature, second].map(({ digest }) => [undefined, digest])],
    );
    const without = await runMirrorlet(["dump", "gcr.io/a/b:1", ...from, "--no-referrers", "-o", file]);
    assert.match(without.stdout, /^1 image, /);
  }
});
