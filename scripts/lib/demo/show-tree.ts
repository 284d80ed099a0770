import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage } from "../../../test/support/image.ts";
import { runMirrorlet } from "../run-mirrorlet.ts";
import { timed } from "../timed.ts";
import { startEmbeddedRegistry } from "./embedded-registry.ts";
import { type Screen, shortenDigests } from "./screen.ts";
import type { Undo } from "./undo.ts";

const IMAGE = "gcr.io/kubernetes-e2e-test-images/nautilus:1.0";
const REPOSITORY = "test-namespace/kubernetes-e2e-test-images/nautilus";
const CONTAINERD_VERSION = "2.1.9";

/** The part of `explain --json` that is used here. */
interface Explanation {
  readonly hosts: readonly { readonly resolve: { readonly url: string }; readonly role: string }[];
}
interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** Without containerd: the tree that a node would get, how containerd would read it, and that the mirror has it. */
export async function showTree(reason: string, screen: Screen, undo: Undo): Promise<void> {
  screen.title("mirrorlet: what a node would get, and what containerd would make of it");
  screen.say(`NOT THE WHOLE DEMO: no containerd runs, because ${reason}.`);
  screen.say(
    "Nothing is pulled. The tree is rendered into a scratch directory; the registry is a small one in this process; and its requests are made by this script, as `explain` predicts them. `mirrorlet` below is `node dist/main.js`.",
  );
  const directory = await mkdtemp(join(tmpdir(), "mirrorlet-demo-"));
  undo.add(() => rm(directory, { recursive: true, force: true }));
  const image = buildImage({ layers: 2 });
  const registry = await startEmbeddedRegistry(REPOSITORY, "1.0", image);
  undo.add(() => registry.stop());

  screen.step("The wish");
  const wish = join(directory, "desired-state.yaml");
  const text = `registryMirrors:\n  - endpoint: ${registry.url}/v2/test-namespace\n    hosts: [gcr.io, docker.io]\n`;
  await writeFile(wish, text);
  screen.quote(text);

  screen.step("The tree");
  const node = join(directory, "node");
  const version = ["--containerd-version", CONTAINERD_VERSION];
  const rendered = await timed(() => runMirrorlet(["render", wish, "--out", node, ...version]));
  screen.took(`mirrorlet render desired-state.yaml --out node ${version.join(" ")}`, rendered.ms);
  screen.quote(await readTree(node));

  screen.step("How containerd reads it");
  const explain = ["explain", IMAGE, "--no-probe", "--root", node, ...version];
  const explained = await timed(() => runMirrorlet(explain));
  screen.took(`mirrorlet explain --no-probe --root node ${IMAGE}`, explained.ms);
  screen.quote(explained.value);

  screen.step("The requests it predicts, made by this script");
  const { hosts } = JSON.parse(await runMirrorlet([...explain, "--json"])) as Explanation;
  const mirror = hosts.find(({ role }) => role === "mirror");
  if (mirror === undefined) throw new Error("explain names no mirror");
  const walked = await timed(() => walk(mirror.resolve.url));
  screen.took("manifest, config and layers fetched, every digest checked", walked.ms);
  const path = `/v2/${REPOSITORY}/`;
  screen.say(`The registry's record of them, below ${path}`);
  screen.quote(shortenDigests(registry.accesses().join("\n").replaceAll(path, "")));
  screen.proof(`the mirror has the whole image (${shortenDigests(image.digest)})`);
  screen.title(
    "\nDone. As root on Debian 12 or newer this demo runs a real containerd and pulls through CRI.",
  );
}

async function readTree(directory: string): Promise<string> {
  const parts: string[] = [];
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const path = join(directory, name);
    if (!(await stat(path)).isFile()) continue;
    parts.push(`==> /${name} <==\n${await readFile(path, "utf8")}`);
  }
  return parts.join("\n");
}

async function walk(manifestUrl: string): Promise<void> {
  const manifest = JSON.parse(new TextDecoder().decode(await fetchBytes(manifestUrl))) as Manifest;
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const url = manifestUrl.replace(/\/manifests\/[^?]*/, `/blobs/${digest}`);
    const found = `sha256:${createHash("sha256")
      .update(await fetchBytes(url))
      .digest("hex")}`;
    if (found !== digest) throw new Error(`${url} has digest ${found}`);
  }
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`GET ${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
