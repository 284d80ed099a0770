import { join } from "node:path";
import type { RecordedRequest } from "../../support/recorded-request.ts";
import type { LabNode } from "./lab-node.ts";

export const credential = { username: "puller", password: `pass"word\\:'ä` } as const;

export const authorization = (login: Login): string =>
  `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A docker config.json, as `docker login` leaves it. */
export function dockerConfig(host: string, { username, password }: Login): string {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  return JSON.stringify({ auths: { [host]: { auth } } });
}

/** What an operator lays down beside the desired state; names fit the desired states below. */
export async function putMaterial(node: LabNode, ca: string, host: string, login: Login): Promise<void> {
  await node.put("ca.crt", ca);
  await node.put("config.json", dockerConfig(host, login));
}

export interface Requester {
  requests(): readonly RecordedRequest[];
}

/** Requests that containerd made, not the agent's own probes, as `METHOD path status`. */
export function pulled(registry: Requester): readonly string[] {
  return containerdRequests(registry).map(({ method, path, status }) => `${method} ${path} ${status}`);
}

export function containerdRequests(registry: Requester): readonly RecordedRequest[] {
  return registry.requests().filter(({ userAgent }) => userAgent.startsWith("containerd/"));
}

/** The header of a cluster file. */
export function clusterHeader(node: LabNode, endpoint: string, hosts: readonly string[] = []): string {
  return `gcrKeyPath:
sshPrivateKeyPath: /root/.ssh/id_rsa
registryMirrors:
  - endpoint: ${endpoint}
    caCertPath: ${join(node.dir, "ca.crt")}
    pullCredentialConfigPath: ${join(node.dir, "config.json")}
    hosts: [${hosts.join(", ")}]
---
apiVersion: v1
kind: Namespace
metadata: {name: cluster-a}
`;
}

export interface NativeEntry {
  readonly endpoint: string;
  readonly hosts: readonly string[];
  readonly [key: string]: unknown;
}

/** mirrorlet's own form, as JSON, which is YAML. */
export function native(
  entries: readonly NativeEntry[],
  more: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({
    apiVersion: "mirrorlet/v1",
    kind: "RegistryMirrors",
    registryMirrors: entries,
    ...more,
  });
}
