import type { Ports } from "../agent/ports.ts";
import type { DoctorDeps } from "../cli/doctor.ts";
import type { DoctorErrorDeps } from "../cli/doctor-error.ts";
import type { EffectiveSetting } from "../core/agent-config/parse-agent-config.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createContainerd } from "../host/containerd.ts";
import { createDaemonInspector } from "../host/inspect-daemon.ts";
import type { NodeSetup } from "./compose-node.ts";
import { readStandardInput } from "./read-standard-input.ts";

/** Settings that say which containerd is meant. */
const PLACES: readonly string[] = ["containerd.config", "containerd.certs_d", "containerd.socket"];

export function doctorDeps(
  { config, root }: NodeSetup,
  ports: Ports,
  settings: readonly EffectiveSetting[],
): DoctorDeps {
  const { config: configFile, certsD, socket, binary, restart } = config.containerd;
  return {
    ports,
    inspectCertificates,
    place: { socket, configFile, certsD },
    isChosen: settings.some(({ key, origin }) => PLACES.includes(key) && origin.from !== "default"),
    restart: restart.join(" "),
    inspector: createDaemonInspector(),
    isCopy: root !== "",
    containerdAt: (at, program = binary) =>
      createContainerd({ binary: program, socket: at, restart, root: root === "" ? "/" : root }),
  };
}

export function doctorErrorDeps(...node: Parameters<typeof doctorDeps>): DoctorErrorDeps {
  return { ...doctorDeps(...node), readInput: readStandardInput };
}
