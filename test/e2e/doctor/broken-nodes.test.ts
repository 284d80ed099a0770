import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { after, before, type TestContext } from "node:test";
import { observeNodeView } from "../../../src/agent/doctor/observe-node-view.ts";
import { describeHosts } from "../../../src/core/containerd/describe-hosts.ts";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { fateOf } from "../../../src/core/doctor/fate.ts";
import type { NodeView } from "../../../src/core/doctor/node-view.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createFiles } from "../../../src/host/files.ts";
import { wholeTree } from "../../support/broken-trees/good-trees.ts";
import { breakWholeTree, MUTATIONS } from "../../support/broken-trees.ts";
import { forEachGeneration, type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { defaultConfig } from "../../support/containerd-config.ts";
import { CONFIG, type NodeFiles } from "../../support/doctored-node.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { isFullSweep, shareOf } from "../../support/sweep.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../../support/upstream-trap.ts";

let trap: UpstreamTrap;

before(async () => {
  if (labSkipReason() === undefined) trap = await startUpstreamTrap();
});
after(() => trap?.stop());

/** Mirrors are names that nobody has, so that the trap sees who is asked, in order. */
forEachGeneration("a broken node pulls as its findings say", async (generation, context) => {
  const daemon = await startContainerd({ generation, upstreamTrap: trap });
  context.after(() => daemon.stop());
  const config = defaultConfig(generation, daemon).replaceAll(daemon.etc, "/etc/containerd");
  const tree = wholeTree(config);
  await putTree(daemon, tree.files);
  const good = await look(daemon);
  assert.deepEqual(diagnose(good), []);
  const codes = new Set<string>();
  let isConfigBroken = false;
  for (const name of shareOf(Object.keys(MUTATIONS), generation)) {
    const broken = breakWholeTree(name, tree, daemon.version.text);
    // Without its own config.toml the daemon is not that of the lab any more.
    if (broken === undefined || !hasPlaces(broken, daemon)) continue;
    await context.test(name, async (t) => {
      await putTree(daemon, broken);
      const changesConfig = broken[CONFIG] !== config;
      const starts = changesConfig || isConfigBroken ? await restarts(daemon) : true;
      isConfigBroken = changesConfig;
      const view = await look(daemon);
      assert.equal(starts, view.config.daemon.ok, "the daemon starts where the model says so");
      const differing = [...tree.namespaces, "ghcr.io"].filter((one) => told(one, view) !== told(one, good));
      for (const namespace of differing) await checkPull(namespace, view, daemon, starts);
      const found = diagnose(view);
      for (const { code } of found) codes.add(code);
      assert.ok(differing.length === 0 || found.length > 0, "a finding tells");
      describe(t, differing, found);
    });
  }
  assert.ok(codes.size >= (isFullSweep ? 25 : 10), `only ${codes.size} codes`);
  context.diagnostic(
    `${codes.size} codes on containerd ${daemon.version.text}: ${[...codes].sort().join(", ")}`,
  );
});

function hasPlaces({ [CONFIG]: config }: NodeFiles, { socket }: LabContainerd): boolean {
  return typeof config === "string" && config.includes(socket);
}

async function checkPull(namespace: string, view: NodeView, daemon: LabContainerd, starts: boolean) {
  const host = namespace === "*" ? "any-other.registry.example" : namespace;
  trap.clearContacts();
  const pull = await daemon.pull(`${host}/repository:tag`);
  assert.equal(pull.ok, false, "nobody has the image");
  const asked = trap.contacts().map(({ target }) => target);
  const isRandom = (fateOf(namespace, view).byTag?.unordered.length ?? 0) > 0;
  const inOrder = (list: readonly string[]) => (isRandom ? list.toSorted() : list);
  assert.deepEqual(inOrder(asked), inOrder(starts ? requestsOf(namespace, view) : []), namespace);
}

/** Whom the trap sees in the resolve step: a name and port for https, the whole URL for http. */
function requestsOf(namespace: string, view: NodeView): readonly string[] {
  const { byTag } = fateOf(namespace, view);
  if (byTag === undefined || byTag.outcome.kind === "pull-fails") return [];
  return byTag.hosts
    .filter(({ resolves, entry }) => resolves && /^https?$/.test(entry.scheme) && entry.host !== "")
    .map(({ entry, resolve }) => {
      if (entry.scheme === "http" && !entry.httpsFirst) return resolve.url;
      return /:\d+$/.test(entry.host) ? entry.host : `${entry.host.replace(/:$/, "")}:443`;
    });
}

function told(namespace: string, { config, ...view }: NodeView): string {
  const { byTag } = fateOf(namespace, { config, ...view });
  return JSON.stringify([config.daemon.ok, byTag === undefined ? [] : describeHosts(byTag)]);
}

function look(daemon: LabContainerd): Promise<NodeView> {
  const ports = { files: createFiles(), clock: createClock() };
  const { version, configPath: configFile, certsD } = daemon;
  return observeNodeView(ports, { version, configFile, certsD, inspectCertificates });
}

async function restarts(daemon: LabContainerd): Promise<boolean> {
  return daemon.restart().then(
    () => true,
    () => false,
  );
}

/** Puts the tree where the daemon has its own files, and nothing else. */
async function putTree(daemon: LabContainerd, files: NodeFiles): Promise<void> {
  await rm(daemon.etc, { recursive: true });
  await mkdir(daemon.etc);
  const placed = (text: string) => text.replaceAll("/etc/containerd", daemon.etc);
  for (const [name, content] of Object.entries(files)) {
    const path = placed(name);
    await mkdir(content === undefined ? path : dirname(path), { recursive: true });
    if (typeof content === "string") await writeFile(path, placed(content));
  }
}

function describe(t: TestContext, differing: readonly string[], found: ReturnType<typeof diagnose>): void {
  const names = [...new Set(found.map(({ code }) => code))].join(", ");
  t.diagnostic(`${differing.length} registries differ: ${names}`);
}
