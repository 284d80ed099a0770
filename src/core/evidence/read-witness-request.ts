import type { WitnessHit } from "./pull.ts";

type WitnessRequest = Omit<WitnessHit, "atMs">;

/**
 * What containerd asked the witness for, from the request line; undefined for anything that a pull does not ask.
 * `address` is the witness' own host:port: containerd leaves `ns` out where the registry has the host's name.
 * Paths: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
 */
export function readWitnessRequest(
  method: string,
  target: string,
  address: string,
): WitnessRequest | undefined {
  if (method !== "GET" && method !== "HEAD") return undefined;
  const [path = "", query = ""] = target.split("?", 2);
  const found = PULL_PATH.exec(path);
  const registry = new URLSearchParams(query).get("ns") ?? address;
  if (found === null || !HOST_NAMESPACE.test(registry)) return undefined;
  const [, repository = "", kind, object = ""] = found;
  return { registry, repository, kind: kind === "blobs" ? "blob" : "manifest", method, object };
}

/** Lengths are those of the reference grammar; nothing longer can be in a pull. */
const PULL_PATH =
  /^\/witness\/([A-Za-z0-9][A-Za-z0-9._/-]{0,254})\/(manifests|blobs)\/([A-Za-z0-9_][\w.:+-]{0,255})$/;
const HOST_NAMESPACE = /^[A-Za-z0-9[][A-Za-z0-9.:[\]-]{0,260}$/;
