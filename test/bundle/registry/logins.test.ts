import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pingRegistry } from "../../../src/bundle/registry/connect-registry.ts";
import { createLoginFinder } from "../../../src/bundle/registry/find-login.ts";
import { connectPush } from "../../../src/program/connect-push.ts";
import { RegistryError } from "../../../src/registry/registry-error.ts";
import { startFaultyFront } from "../../support/faulty-front.ts";
import { buildImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { layoutParts } from "../../support/layout-parts.ts";
import { type MemoryBundle, memoryBundle } from "../../support/memory-bundle.ts";
import { bundleFile } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { connectForPush, type PushBundleOptions, pushBundle } from "../../support/push-bundle.ts";
import { compress, pushPassing } from "../../support/push-passing.ts";
import { type LabRegistry, type RegistryOptions, startRegistry } from "../../support/registry.ts";
import { tarOf } from "../../support/tar.ts";
import { createCa, type LabCa } from "../../support/tls.ts";
import { startUpstream } from "../../support/upstream.ts";

ownState();
const wish = { sources: [], login: { kind: "stored" }, threads: 4, chunkBytes: undefined } as const;
const optionsOf = {
  root: "/",
  certDir: undefined,
  insecure: undefined,
  deep: undefined,
  allowNewDigest: undefined,
};
const skip = partSkipReason("docker-registry");
const credential = { username: "pusher", password: `pass"word\\:'ä` };
const login = { kind: "login", ...credential } as const;

interface Site {
  readonly ca: LabCa;
  readonly registry: LabRegistry;
  readonly options: PushBundleOptions;
}

async function siteWith(
  context: TestContext,
  auth: RegistryOptions["auth"],
  hosts?: readonly string[],
): Promise<Site> {
  const ca = await createCa();
  const tls = await ca.issueServer(hosts === undefined ? {} : { hosts });
  const registry = await startRegistry({ tls, ...(auth === undefined ? {} : { auth }) });
  context.after(() => registry.stop());
  return { ca, registry, options: { tls: { ca: ca.cert, skipVerify: false } } };
}

const twoImages = () => {
  const image = buildImage({ layers: 2, bytesPerLayer: 100_000 });
  return memoryBundle({ "gcr.io/a/one:1": image, "gcr.io/a/two:1": image });
};

function results({ results: all }: Awaited<ReturnType<typeof pushBundle>>): readonly unknown[] {
  return all.map(({ result, reason }) => [result, reason]);
}
const DONE = [
  ["pushed", undefined],
  ["pushed", undefined],
];

test("Basic over TLS with a private CA: nothing is sent before it is asked for", {
  skip,
}, async (context) => {
  const { registry, options } = await siteWith(context, { kind: "basic", ...credential });
  assert.deepEqual(results(await pushBundle(registry.url, twoImages(), { ...options, login })), DONE);
  const [first, ...others] = registry.requests();
  assert.equal(first?.authorization, undefined);
  assert.equal(
    others.every(({ authorization }) => authorization?.startsWith("Basic ") === true),
    true,
  );
});

test("the token service: pushes, mounts from another repository, and one token for each set of rights", {
  skip,
}, async (context) => {
  const { registry, options } = await siteWith(context, { kind: "token", ...credential, mayPush: true });
  const pushed = await pushBundle(registry.url, twoImages(), { ...options, login });
  assert.deepEqual(results(pushed), DONE);
  const ends = pushed.events.flatMap((event) => (event.kind === "blob-end" ? [event.end] : []));
  assert.equal(ends.filter((end) => end === "mounted").length, 3);
  const scopes = registry
    .requests()
    .filter(({ path }) => path === "/token")
    .map(({ query }) => query["scope"] ?? "");
  assert.equal(new Set(scopes).size, scopes.length, scopes.join(" | "));
});

test("an identity token is exchanged by POST", { skip }, async (context) => {
  const auth = { kind: "token", ...credential, mayPush: true, identityToken: "id-123" } as const;
  const { registry, options } = await siteWith(context, auth);
  const identity = { kind: "identity-token", token: "id-123" } as const;
  assert.deepEqual(
    results(await pushBundle(registry.url, twoImages(), { ...options, login: identity })),
    DONE,
  );
});

test("a token service that leads elsewhere does not get an identity token sent there", {
  skip,
}, async (context) => {
  const { ca, registry, options } = await siteWith(context, undefined);
  const [front, thief] = [
    await startFaultyFront(registry.storage.url, await ca.issueServer()),
    await startFaultyFront(registry.storage.url, await ca.issueServer()),
  ];
  for (const each of [front, thief]) context.after(() => each.stop());
  const challenge = { "www-authenticate": `Bearer realm="${front.url}/token",service="s"` };
  front.script(
    { path: /^\/v2\//, does: { kind: "status", status: 401, headers: challenge } },
    { path: /^\/token/, does: { kind: "status", status: 307, headers: { location: `${thief.url}/token` } } },
  );
  const identity = { kind: "identity-token", token: "id-123" } as const;
  await assert.rejects(pushBundle(front.url, twoImages(), { ...options, login: identity }), /status 307/);
  assert.equal(
    front.requests().some(({ path }) => path === "/token"),
    true,
  );
  assert.deepEqual(thief.requests(), []);
});

test("a token service that is busy at the start is asked again, when it says so, and told in the end", {
  skip,
}, async (context) => {
  const { ca, registry, options } = await siteWith(context, undefined);
  const front = await startFaultyFront(registry.storage.url, await ca.issueServer());
  context.after(() => front.stop());
  const challenge = { "www-authenticate": `Bearer realm="${front.url}/token",service="s"` };
  front.script(
    { path: /^\/v2\//, does: { kind: "status", status: 401, headers: challenge } },
    {
      path: /^\/token/,
      times: 1,
      does: { kind: "status", status: 503, headers: { "retry-after": "120" } },
    },
    { path: /^\/token/, does: { kind: "status", status: 503 } },
  );
  const { context: own, events, close } = connectForPush(front.url, { ...options, login });
  context.after(close);
  await assert.rejects(
    pingRegistry(own.link, own.retrier, "a/one"),
    /the token service 127\.0\.0\.1:\d+ answers 503 .*tried \d+ times/,
  );
  const [delay = 0] = events.flatMap((event) => (event.kind === "retry" ? [event.delayMs] : []));
  assert.ok(delay >= 120_000, String(delay));
});

for (const [what, hosts] of [
  ["the host's own is bad", { username: "old", password: "gone" }],
  ["there is none for the host", undefined],
] as const)
  test(`a login for one repository lets a push begin, though ${what}`, { skip }, async (context) => {
    const { ca, registry } = await siteWith(context, { kind: "basic", ...credential });
    const { host } = registry;
    const config = (keys: object) =>
      bundleFile(context, "config.json", Buffer.from(JSON.stringify({ auths: keys })));
    const cacert = [bundleFile(context, "ca.crt", Buffer.from(ca.cert))];
    const connect = (keys: object) =>
      connectPush(
        { ...wish, target: { host, namespace: "site", protocol: "https:" } },
        { ...optionsOf, cacert, dockerConfig: config(keys) },
        wish.login,
      );
    const own = hosts === undefined ? {} : { [host]: hosts };
    (await connect({ ...own, [`${host}/site/team/app`]: credential })).close();
    await assert.rejects(connect({ ...own, [`${host}/other/app`]: credential }), RegistryError);
    await assert.rejects(connect({ ...own, [`${host}/site/team/app`]: { ...credential, password: "x" } }));
  });

/** As from a disk that takes its time: a push lasts longer than a token, however fast the machine is. */
function slowly(bundle: MemoryBundle): MemoryBundle {
  const open: MemoryBundle["source"]["open"] = (digest, range) =>
    Readable.from(
      (async function* () {
        await sleep(100);
        yield* bundle.source.open(digest, range);
      })(),
      { objectMode: false },
    );
  return { ...bundle, source: { ...bundle.source, open } };
}

test("tokens are renewed before they end, so that no upload is refused", { skip }, async (context) => {
  // docker-registry adds a minute of grace to a token's end: what counts is that a new one was fetched.
  const { registry, options } = await siteWith(context, {
    kind: "token",
    ...credential,
    mayPush: true,
    lifetimeSeconds: 1,
  });
  const images = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [`gcr.io/a/one:${n}`, buildImage({ bytesPerLayer: 1_000_000 })]),
  );
  const pushed = await pushBundle(registry.url, slowly(memoryBundle(images)), {
    ...options,
    login,
    threads: 1,
  });
  assert.equal(
    pushed.results.every(({ result }) => result === "pushed"),
    true,
  );
  const refusedLate = registry
    .requests()
    .filter(({ status, authorization }) => status === 401 && authorization !== undefined);
  assert.equal(refusedLate.length, 0);
  const tokens = registry
    .requests()
    .filter(({ path, query }) => path === "/token" && query["scope"] !== undefined);
  assert.ok(tokens.length > 1, `${tokens.length} tokens`);
});

for (const kind of ["basic", "token"] as const)
  test(`a helper's login that has ended is asked for once more: ${kind}`, { skip }, async (context) => {
    const { registry, options } = await siteWith(context, { kind, ...credential, mayPush: true });
    const config = bundleFile(context, "config.json", Buffer.from('{"credsStore":"lab"}'));
    const passwords = ["of yesterday", credential.password];
    let runs = 0;
    const run = async () => {
      const password = passwords[Math.min(runs++, 1)] ?? "";
      return { ok: true, login: { kind: "login", username: credential.username, password } } as const;
    };
    const loginFor = createLoginFinder({ files: [config], run }, registry.host);
    assert.deepEqual(results(await pushBundle(registry.url, twoImages(), { ...options, loginFor })), DONE);
    assert.equal(runs, 2);
  });

test("a helper that has nothing but the refused login is not asked for ever", { skip }, async (context) => {
  const { registry, options } = await siteWith(context, { kind: "basic", ...credential });
  const config = bundleFile(context, "config.json", Buffer.from('{"credsStore":"lab"}'));
  let runs = 0;
  const run = async () => {
    runs++;
    return { ok: true, login: { kind: "login", username: "pusher", password: "old" } } as const;
  };
  const loginFor = createLoginFinder({ files: [config], run }, registry.host);
  await assert.rejects(pushBundle(registry.url, twoImages(), { ...options, loginFor }), /refuses the login/);
  assert.equal(runs, 2);
});

for (const [mayDelete, why] of [
  [true, "emptied"],
  [false, "refused"],
] as const)
  test(`the right to delete is asked for where something is deleted, and ${mayDelete ? "used" : "missed"}`, {
    skip,
  }, async (context) => {
    const auth = { kind: "token", ...credential, mayPush: true, mayDelete } as const;
    const { registry, options } = await siteWith(context, auth);
    const bytes = compress(tarOf(layoutParts({ "gcr.io/a/one:1": buildImage() })), "gzip");
    const pushed = await pushPassing(registry.url, bytes, { ...options, login, namespace: "site" });
    assert.equal(pushed.results[0]?.result, "pushed");
    assert.deepEqual(pushed.leftOver, { repository: "site/mirrorlet-staging", holds: "layers", why });
    const deletes = registry.requests().filter(({ method, status }) => method === "DELETE" && status === 202);
    assert.equal(deletes.length > 0, mayDelete);
  });

test("a token that the registry does not take any more is renewed once", { skip }, async (context) => {
  const { registry, options, ca } = await siteWith(context, { kind: "token", ...credential, mayPush: true });
  const front = await startFaultyFront(registry.storage.url, await ca.issueServer());
  context.after(() => front.stop());
  const challenge = `Bearer realm="${registry.url}/token",service="lab-registry",scope="x",error="invalid_token"`;
  front.script({
    method: "POST",
    times: 1,
    does: { kind: "status", status: 401, headers: { "www-authenticate": challenge } },
  });
  assert.deepEqual(results(await pushBundle(front.url, twoImages(), { ...options, login })), DONE);
});

for (const [what, auth, given, words] of [
  ["no login", { kind: "basic", ...credential }, undefined, /wants a user name and a password/],
  [
    "a wrong password",
    { kind: "basic", ...credential },
    { ...login, password: "wrong" },
    /refuses the login that was given/,
  ],
  [
    "a wrong password at the token service",
    { kind: "token", ...credential },
    { ...login, password: "wrong" },
    /token service of .* refuses a token for this login/,
  ],
] as const)
  test(`${what}: an error before anything is sent, without the password`, { skip }, async (context) => {
    const { registry, options } = await siteWith(context, auth);
    const pushing = pushBundle(registry.url, twoImages(), {
      ...options,
      ...(given === undefined ? {} : { login: given }),
    });
    await assert.rejects(pushing, (error: Error) => {
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /wrong(?!-)/);
      return true;
    });
    assert.equal(
      registry.requests().some(({ method }) => method !== "GET"),
      false,
    );
  });

test("a login without the right to push: each image fails and says so", { skip }, async (context) => {
  const { registry, options } = await siteWith(context, { kind: "token", ...credential });
  const pushed = await pushBundle(registry.url, twoImages(), { ...options, login });
  for (const { result, reason } of pushed.results) {
    assert.equal(result, "failed");
    assert.match(reason ?? "", /its right to push for a\/(one|two) /);
  }
});

test("a certificate of an unknown CA is refused before any login is sent", { skip }, async (context) => {
  const { registry } = await siteWith(context, { kind: "basic", ...credential });
  await assert.rejects(pushBundle(registry.url, twoImages(), { login }), /unknown authority/);
  assert.deepEqual(registry.requests(), []);
});

test("through a proxy by CONNECT; NO_PROXY with a network goes past it", { skip }, async (context) => {
  const { ca, registry, options } = await siteWith(context, { kind: "basic", ...credential }, [
    "mirror.lab",
    "127.0.0.1",
  ]);
  const proxy = await startUpstream(ca, { "mirror.lab:5000": registry.host });
  context.after(() => proxy.stop());
  const environment = { HTTPS_PROXY: proxy.daemonOptions.upstreamTrap.url };
  const through = { ...options, login, environment };
  assert.deepEqual(results(await pushBundle("https://mirror.lab:5000", twoImages(), through)), DONE);
  assert.deepEqual([...new Set(proxy.contacts().map(({ target }) => target))], ["mirror.lab:5000"]);

  proxy.clearContacts();
  const past = { ...through, environment: { ...environment, NO_PROXY: "10.0.0.0/8,127.0.0.0/8" } };
  assert.deepEqual(results(await pushBundle(registry.url, twoImages(), past)), DONE);
  assert.deepEqual(proxy.contacts(), []);
});

test("an upload that leads to another host goes there without the login", { skip }, async (context) => {
  const { ca, registry, options } = await siteWith(context, undefined);
  const storage = await startFaultyFront(registry.storage.url, await ca.issueServer());
  const front = await startFaultyFront(registry.storage.url, await ca.issueServer());
  for (const each of [storage, front]) context.after(() => each.stop());
  const challenge = { "www-authenticate": 'Basic realm="x"' };
  const elsewhere = (headers: Readonly<Record<string, string>>) => ({
    ...headers,
    location: new URL(headers["location"] ?? "", storage.url).href,
  });
  front.script(
    { method: "GET", path: /^\/v2\/$/, times: 1, does: { kind: "status", status: 401, headers: challenge } },
    { method: "POST", does: { kind: "headers", change: elsewhere } },
  );
  assert.deepEqual(results(await pushBundle(front.url, twoImages(), { ...options, login })), DONE);
  const puts = storage.requests().filter(({ method }) => method === "PUT");
  assert.equal(puts.length > 0 && puts.every(({ authorization }) => authorization === undefined), true);
  assert.equal(
    front.requests().some(({ authorization }) => authorization !== undefined),
    true,
  );
});
