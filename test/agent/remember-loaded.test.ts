import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type LoadContext, loadDesiredState } from "../../src/agent/load-desired-state.ts";
import { createLoadMemory } from "../../src/agent/remember-loaded.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import type { ObservedFile } from "../../src/core/host-state.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createCa } from "../support/tls.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const HOUR_MS = 3_600_000;

interface World {
  readonly source: string;
  readonly files: Readonly<Record<string, string | Error | undefined>>;
  readonly nowMs: number;
  readonly version: string;
}

/** What a pass can read, with the paths that were asked for. */
function contextOf({ files, nowMs, version }: World, asked: string[] = []): LoadContext {
  const read = async (path: string): Promise<ObservedFile | undefined> => {
    asked.push(path);
    const text = files[path];
    if (text instanceof Error) throw text;
    return text === undefined ? undefined : observed(path, text);
  };
  const containerdVersion = parseContainerdVersion(version);
  return {
    files: {
      read,
      async readTree(root) {
        const paths = Object.keys(files).filter((path) => path.startsWith(`${root}/`));
        const found = await Promise.all(paths.map(read));
        const tree = found.filter((file) => file !== undefined);
        return { root, exists: paths.length > 0, directories: [], files: tree, others: [] };
      },
    },
    clock: { now: () => nowMs },
    certificates: inspectCertificates,
    secretsDir: "/secrets",
    pullSecret: "/pull.json",
    ...(containerdVersion && { containerdVersion }),
  };
}

function observed(path: string, text: string): ObservedFile {
  const bytes = new TextEncoder().encode(text);
  return { path, realPath: path, bytes, mode: 0o644, uid: 0, gid: 0, modifiedMs: 0 };
}

const sources = ({ source }: World) => [{ name: "/state.yaml", bytes: new TextEncoder().encode(source) }];

const native = (ca: string, host = "m.example:5000"): string =>
  `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors:\n  - endpoint: https://${host}\n    hosts: [gcr.io]\n    caCertPath: ${ca}\n`;
const cluster =
  "kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.example, caCertSecretRef: {name: ca}}]}}\n";
const secret = (ca: string): string =>
  JSON.stringify({ kind: "Secret", metadata: { name: "ca" }, data: { "ca.crt": btoa(ca) } });

test("what is remembered is what would be understood, whatever came before and whichever of its files changed", async () => {
  const [one, other] = await Promise.all([pem(), pem()]);
  const source = fc.constantFrom(
    native("/ca.crt"),
    native("/ca.crt", "[fd00::1]:5000"),
    native("/b.crt"),
    cluster,
  );
  const file = fc.constantFrom<readonly [string, string | Error | undefined]>(
    ["/ca.crt", one],
    ["/ca.crt", other],
    ["/ca.crt", new Error("EIO")],
    ["/ca.crt", undefined],
    ["/secrets/ca.json", secret(one)],
    ["/secrets/ca.json", secret(other)],
    ["/secrets/ca.json", undefined],
    ["/pull.json", '{"auths": {"m.example:5000": {"auth": "YTpi"}}}'],
    ["/pull.json", new Error("EACCES")],
  );
  // Before, within and after the time of the certificates.
  const nowMs = fc.constantFrom(0, Date.now(), Date.now() + 40 * 365 * 24 * HOUR_MS);
  type Change = (world: World) => World;
  const changes: fc.Arbitrary<readonly Change[]> = fc.array(
    fc.oneof(
      source.map((text) => (world: World) => ({ ...world, source: text })),
      file.map(([path, text]) => (world: World) => ({ ...world, files: { ...world.files, [path]: text } })),
      nowMs.map((now) => (world: World) => ({ ...world, nowMs: now })),
      fc.constantFrom("1.6.20", "2.1.9").map((version) => (world: World) => ({ ...world, version })),
    ),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(source, changes, async (first, rest) => {
      const load = createLoadMemory(sha256);
      let world: World = { source: first, files: { "/ca.crt": one }, nowMs: Date.now(), version: "1.6.20" };
      for (const change of [(same: World) => same, ...rest]) {
        world = change(world);
        const { digest, ...loaded } = await load(sources(world), contextOf(world));
        assert.deepEqual(loaded, await loadDesiredState(sources(world), contextOf(world)));
        assert.equal(digest === undefined, loaded.state === undefined);
      }
    }),
    { numRuns: 100 },
  );
});

test("nothing has changed: nothing is understood anew, and every file is read all the same", async () => {
  const files = { "/ca.crt": await pem(), "/pull.json": '{"auths": {}}' };
  const world: World = { source: native("/ca.crt"), files, nowMs: 10.2 * HOUR_MS, version: "2.1.9" };
  const load = createLoadMemory(sha256);
  const first = await load(sources(world), contextOf(world));
  const asked: string[] = [];
  assert.equal(await load(sources(world), contextOf({ ...world, nowMs: 10.9 * HOUR_MS }, asked)), first);
  assert.deepEqual(asked, ["/ca.crt", "/pull.json"]);
  // A certificate may have run out in the meantime.
  assert.notEqual(await load(sources(world), contextOf({ ...world, nowMs: 11.1 * HOUR_MS })), first);
});

async function pem(): Promise<string> {
  return (await (await createCa()).issueServer()).cert;
}
