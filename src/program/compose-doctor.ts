import { askFurther } from "../agent/doctor/ask-further.ts";
import type { Ports } from "../agent/ports.ts";
import type { DoctorDeps } from "../cli/doctor.ts";
import type { DoctorErrorDeps } from "../cli/doctor-error.ts";
import { readStatus } from "../cli/read-status.ts";
import type { EffectiveSetting } from "../core/agent-config/parse-agent-config.ts";
import { createMirrorAsker } from "../edge/ask-mirror.ts";
import { createPullWalker } from "../edge/walk-pull.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createContainerd } from "../host/containerd.ts";
import { createDaemonInspector } from "../host/inspect-daemon.ts";
import { explainDeps } from "./compose-explain.ts";
import type { NodeSetup } from "./compose-node.ts";
import { createRegistryClient, createRegistryEnvironment } from "./compose-registry.ts";
import { readStandardInput } from "./read-standard-input.ts";

/** Settings that say which containerd is meant. */
const PLACES: readonly string[] = ["containerd.config", "containerd.certs_d", "containerd.socket"];

export function doctorDeps(
  setup: NodeSetup,
  ports: Ports,
  settings: readonly EffectiveSetting[],
): DoctorDeps {
  const { config, root } = setup;
  const { config: configFile, certsD, socket, binary, restart } = config.containerd;
  const containerdAt: DoctorDeps["containerdAt"] = (at, program = binary) =>
    createContainerd({ binary: program, socket: at, restart, root: root === "" ? "/" : root });
  return {
    ports,
    inspectCertificates,
    place: { socket, configFile, certsD },
    isChosen: settings.some(({ key, origin }) => PLACES.includes(key) && origin.from !== "default"),
    restart: restart.join(" "),
    inspector: createDaemonInspector(),
    isCopy: root !== "",
    containerdAt,
    async askFurther(view, at) {
      const containerd = containerdAt(at);
      const client = createRegistryClient(
        containerd,
        createRegistryEnvironment(undefined, `${root}${at}`),
        root,
      );
      const { architecture, agentStatus } = explainDeps(setup, ports);
      return askFurther(view, {
        files: ports.files,
        walker: createPullWalker({ client }),
        asker: createMirrorAsker({ client }),
        architecture,
        images: containerd.images,
        agentStatus: async () => readStatus(await agentStatus()),
      });
    },
  };
}

export function doctorErrorDeps(...node: Parameters<typeof doctorDeps>): DoctorErrorDeps {
  return { ...doctorDeps(...node), readInput: readStandardInput };
}
