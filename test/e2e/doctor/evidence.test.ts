import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StatusDocument } from "../../../src/agent/status-document.ts";
import { startContainerd } from "../../support/containerd.ts";
import { findFreePort } from "../../support/free-port.ts";
import { buildImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";
import { type LabUpstream, startUpstream } from "../../support/upstream.ts";
import { prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";

let mirror: ScriptedRegistry;
/** gcr.io itself. */
let origin: ScriptedRegistry;
let upstream: LabUpstream;

before(async () => {
  if (labSkipReason() !== undefined) return;
  const ca = await createCa();
  mirror = await startScriptedRegistry();
  origin = await startScriptedRegistry({ tls: await ca.issueServer({ hosts: ["gcr.io"] }) });
  upstream = await startUpstream(ca, { "gcr.io": origin.host });
});
after(() => Promise.all([upstream?.stop(), origin?.stop(), mirror?.stop()]));

interface Told {
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly fact: string;
    readonly consequence: string;
    readonly where: { readonly url?: string };
  }[];
  readonly notChecked: readonly { readonly what: string }[];
}

test("doctor tells what the agent's pulls have shown", {
  skip: labSkipReason() ?? false,
}, async (context) => {
  const daemon = await startContainerd({ generation: "2.1", ...upstream.daemonOptions });
  context.after(() => daemon.stop());
  const node = await prepareNode(daemon, { tracesPort: await findFreePort() });
  const agent = await node.startAgent({ MIRRORLET_EVIDENCE_PROBE_INTERVAL: "1h" });
  context.after(() => agent.stop());
  await agent.apply(native([{ endpoint: mirror.url, hosts: ["gcr.io"] }]));

  const pull = async (tag: string): Promise<void> => {
    const image = buildImage();
    for (const registry of [mirror, origin]) registry.put("team/app", tag, image);
    const pulled = await daemon.pull(`gcr.io/team/app:${tag}`);
    assert.equal(pulled.ok, true, JSON.stringify(pulled));
  };
  const untilVerdict = (name: string) =>
    agent.until(`gcr.io is ${name}`, async () => {
      const response = await fetch(`http://${agent.address}/status.json`, {
        headers: { connection: "close" },
      });
      const { evidence } = (await response.json()) as StatusDocument;
      return evidence.registries.some(({ verdict }) => verdict.name === name);
    });
  const doctor = async (): Promise<Told & { readonly stdout: string }> => {
    const { stdout } = await node.run("doctor", "--json");
    return { ...(JSON.parse(stdout) as Told), stdout };
  };
  const ofPulls = ({ findings }: Told) => findings.filter(({ where }) => where.url !== undefined);

  await pull("1");
  await untilVerdict("mirrored");
  const well = await doctor();
  assert.deepEqual(ofPulls(well), [], well.stdout);
  assert.ok(!well.notChecked.some(({ what }) => what === "where pulls have gone"), well.stdout);

  mirror.script({ does: { kind: "status", status: 503 } });
  await pull("2");
  await untilVerdict("bypassed");
  mirror.script();
  const bypassed = await doctor();
  const [finding, ...more] = ofPulls(bypassed);
  // The mirror answers again: what is left is what the pull has shown.
  assert.deepEqual(more, [], bypassed.stdout);
  assert.deepEqual([finding?.code, finding?.severity], ["pulls-bypass-mirror", "error"], bypassed.stdout);
  assert.match(finding?.fact ?? "", /^bypassed since .*503/);
  assert.match(
    finding?.consequence ?? "",
    /although by the files pulls of gcr\.io ask http:\/\/127\.0\.0\.1/,
  );
});
