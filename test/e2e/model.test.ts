import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import fc from "fast-check";
import { treeOfFiles } from "../../src/core/containerd/host-tree.ts";
import { parseImageReference } from "../../src/core/containerd/image-reference.ts";
import { type Resolution, resolveImage } from "../../src/core/containerd/resolve-image.ts";
import { forEachGeneration, type LabContainerd, startContainerd } from "../support/containerd.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";

/** What nobody measured before, in words of the vectors: A, B and C are mirrors that have nothing. */
const odd: Readonly<Record<string, string>> = {
  "text behind a header": '[host."A"] capabilities = ["pull", "resolve"]\n[host."B"]\n',
  "two headers on a line": '[host."A"] [host."B"]\n',
  "comment behind a header": '[host."A"] # one\n\t[host."B"]\t# two\n',
  "escape in a header": '[host."A\\u002fx"]\n[host."B"]\n',
  "bracket in a foreign header": '[other."a]b"]\n[host."A"]\n',
  "upper-case keys": '[host."A"]\nCAPABILITIES = ["pull"]\n[host."B"]\n',
  "mixed-case keys": '[host."A"]\nCapabilities = ["pull"]\n[host."B"]\n',
  "upper-case server": 'SERVER = "A"\n[host]\n',
  "upper-case host": '[HOST."A"]\n[host."B"]\n',
  "inline below [host], then a header": '[host]\n"B" = {}\n[host."A"]\n',
  "dotted key, then a header": 'host."B".capabilities = ["pull", "resolve"]\n[host."A"]\n',
  "array table": '[[other]]\nx = 1\n[host."A"]\n',
  "host is an array table": "[[host]]\n",
  "a wrong type in a host nobody asks": '[host."A"]\n[Host."B"]\nca = 1\n',
  "a key beside a host table": '[host]\nx = 1\n[host."A"]\n',
  "a type error under [host]": "[host]\nx = 1\n",
  "empty header table at the root": 'server = "A"\n[header]\n[host]\n',
  "header value of tables": '[host."A".header]\nx = [{}]\n',
  "foreign table between": '[host."A"]\n[other]\n[host."A".header]\nx = "y"\n[host."B"]\n',
  "a mixed list": '[host."A"]\ncapabilities = ["pull", 1]\n',
  "empty client list": '[host."A"]\nclient = []\n',
  "multi-line strings": '[host."A"]\ncapabilities = ["""pull""", \'\'\'resolve\'\'\']\n',
  "dotted path with spaces": '[ host . "A" . header ]\nx = "y"\n[host."B"]\n',
  "query, fragment, escapes": '[host."A/x%2Fy?z=1#w"]\noverride_path = true\n[host."B/../up"]\n',
  "sub-table of the root key": 'server = "A"\n[host]\n[capabilities]\nx = 1\n',
  "no newline at the end": 'server = "A"\n[host."B"]',
  "no capabilities that help": 'server = "A"\ncapabilities = ["push"]\n[host]\n',
  CRLF: 'server = "A"\r\n# c\r\n[host."B"]\r\ncapabilities = [\r\n"pull", # x\r\n"resolve",\r\n]\r\n',
};

const url = fc.constantFrom("A", "B", "C", "A/x", "B/v2", "gcr.io");
const statement = fc.oneof(
  url.map((each) => `[host."${each}"]`),
  url.map((each) => `[host."${each}"]`),
  url.map((each) => `[host."${each}".header]\nx = "y"`),
  url.map((each) => `server = "${each}"`),
  url.map((each) => `host."${each}".override_path = true`),
  url.map((each) => `"${each}" = { override_path = true }`),
  fc.constantFrom(
    "[host]",
    "[header]",
    "[other]",
    "# comment",
    'capabilities = ["pull"]',
    'capabilities = ["Pull", "resolve"]',
    "capabilities = []",
    'capabilities = "pull"',
    "override_path = true",
    "Override_Path = true",
    "skip_verify = true",
    'ca = "missing.crt"',
    "ca = []",
    'dial_timeout = "2s"',
    "dial_timeout = 2",
    "unknown = 1",
    'x = ["a", "b"]',
    "x = 1",
  ),
);
/** The same documents in every run, so that a difference can be looked at. */
const generated = fc.sample(fc.array(statement, { minLength: 1, maxLength: 7 }), { seed: 11, numRuns: 60 });

const mirrors = new Map<string, ScriptedRegistry>();
let trap: UpstreamTrap;

before(async () => {
  if (labSkipReason() !== undefined) return;
  trap = await startUpstreamTrap();
  for (const name of "ABC") mirrors.set(name, await startScriptedRegistry({ closesOnGarbage: true }));
});

after(async () => {
  await trap?.stop();
  for (const mirror of mirrors.values()) await mirror.stop();
});

forEachGeneration("the model foresees what containerd asks", async (generation, context) => {
  const daemon = await startContainerd({ generation, upstreamTrap: trap });
  context.after(() => daemon.stop());
  await mkdir(join(daemon.certsD, "gcr.io"), { recursive: true });
  const files = [
    ...Object.entries(odd),
    ...generated.map((lines, index) => [`generated ${index}`, `${lines.join("\n")}\n`] as const),
  ];
  for (const [index, [name, template]] of files.entries())
    await context.test(name, async () => {
      const image = `gcr.io/model/n${index}:1.0`;
      const text = template.replace(/"([ABC])(?=["/\\])/g, (_all, mirror) => `"${mirrors.get(mirror)?.url}`);
      const foreseen = foresee(daemon, image, text);
      const asked = await pull(daemon, image, text);
      if (isCrash(foreseen)) await daemon.restart();
      const isRandom = foreseen.unordered.length > 0;
      const inOrder = (list: readonly string[]) => (isRandom ? [...list].sort() : list);
      assert.deepEqual(inOrder(asked), inOrder(requestsOf(foreseen)), text);
    });
});

/** Writes the file, pulls, and tells who was asked in the resolve step. */
async function pull(daemon: LabContainerd, image: string, text: string): Promise<readonly string[]> {
  await writeFile(join(daemon.certsD, "gcr.io/hosts.toml"), text);
  for (const mirror of mirrors.values()) mirror.clearRequests();
  trap.clearContacts();
  await daemon.pull(image);
  const heads = [...mirrors.values()].flatMap((mirror) =>
    mirror
      .requests()
      .filter(({ method }) => method === "HEAD")
      .map(({ path, query, atMs }) => ({ atMs, seen: `${mirror.url}${path}?${new URLSearchParams(query)}` })),
  );
  const upstream = trap.contacts().map(({ target, atMs }) => ({ atMs, seen: target }));
  return [...heads, ...upstream].sort((one, other) => one.atMs - other.atMs).map(({ seen }) => seen);
}

function isCrash({ outcome }: Resolution): boolean {
  return outcome.kind === "pull-fails" && outcome.reason.startsWith("containerd crashes");
}

function foresee(daemon: LabContainerd, image: string, text: string): Resolution {
  const parsed = parseImageReference(image);
  assert.ok(parsed.ok);
  const path = join(daemon.certsD, "gcr.io/hosts.toml");
  return resolveImage({
    reference: parsed.reference,
    version: daemon.version,
    config: {
      configPath: daemon.certsD,
      roots: [daemon.certsD],
      pullMode: "local",
      criLoads: { ok: true },
      mirrors: [],
      configs: [],
    },
    tree: treeOfFiles([{ path, bytes: new TextEncoder().encode(text) }]),
  });
}

/** The mirrors speak plain HTTP only, and close on a TLS hello; everybody else is seen by the trap. */
function requestsOf({ outcome, hosts }: Resolution): readonly string[] {
  if (outcome.kind === "pull-fails") return [];
  return hosts
    .filter(({ resolves }) => resolves)
    .flatMap(({ entry, resolve }) => {
      const isMirror = [...mirrors.values()].some(({ host }) => host === entry.host);
      if (!isMirror) return entry.scheme === "https" ? [`${entry.host}:443`] : [];
      return entry.scheme === "http" && !entry.httpsFirst ? [resolve.url] : [];
    });
}
