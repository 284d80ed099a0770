import type { EvidenceSink } from "../agent/evidence/evidence-sink.ts";
import type { ProbeImage } from "../agent/evidence/probe-ports.ts";
import { createProbeRounds, type ProbeRounds } from "../agent/evidence/probe-rounds.ts";
import type { Ports } from "../agent/ports.ts";
import { createMirrorAsker } from "../edge/ask-mirror.ts";
import type { NodeSetup } from "./compose-node.ts";
import { createRegistryClient, createRegistryEnvironment } from "./compose-registry.ts";
import { helperOf } from "./helper-of.ts";

/** The agent's timer that asks mirrors; `imageFor` is an image of a host namespace that shows more than an API does. */
export function composeProbeRounds(
  { config, root }: NodeSetup,
  { files, containerd, clock, log, sha256 }: Ports,
  sink: EvidenceSink,
  imageFor: (registry: string) => ProbeImage | undefined,
): ProbeRounds {
  const environment = createRegistryEnvironment(helperOf(config, root), `${root}${config.containerd.socket}`);
  const client = createRegistryClient(containerd, environment, root);
  return createProbeRounds({
    files,
    containerd,
    clock,
    log,
    sha256,
    sink,
    imageFor,
    configPath: config.containerd.config,
    asker: createMirrorAsker({ client }),
    intervalMs: config.evidence.probeIntervalMs,
    random: Math.random,
  });
}
