import type { Ports } from "../agent/ports.ts";
import type { DoctorDeps } from "../cli/doctor.ts";
import { inspectCertificates } from "../host/certificates.ts";
import type { NodeSetup } from "./compose-node.ts";

export function doctorDeps({ config }: NodeSetup, ports: Ports): DoctorDeps {
  const { config: configFile, certsD } = config.containerd;
  return { ports, containerd: ports.containerd, configFile, certsD, inspectCertificates };
}
