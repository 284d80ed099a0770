import type { Ports } from "../agent/ports.ts";
import type { DoctorDeps } from "../cli/doctor.ts";
import type { DoctorErrorDeps } from "../cli/doctor-error.ts";
import type { NodeSetup } from "./compose-node.ts";
import { readStandardInput } from "./read-standard-input.ts";

export function doctorDeps({ config }: NodeSetup, ports: Ports): DoctorDeps {
  const { config: configFile, certsD } = config.containerd;
  return { ports, containerd: ports.containerd, configFile, certsD };
}

export function doctorErrorDeps(setup: NodeSetup, ports: Ports): DoctorErrorDeps {
  return { ...doctorDeps(setup, ports), readInput: readStandardInput };
}
