import type { PublishedState } from "../core/fleet/check-published.ts";
import { openPayload } from "../core/signing/check-signed-state.ts";
import { readEnvelope } from "../core/signing/envelope.ts";

/** What the published documents say; nobody's signature is looked at, that is the nodes' part. What is broken is left out. */
export function openPublished(
  bundles: ReadonlyMap<string, Uint8Array>,
  sha256: (bytes: Uint8Array) => string,
): readonly PublishedState[] {
  return [...bundles].flatMap(([digest, bytes]) => {
    const read = readEnvelope(bytes, digest);
    if (!read.ok || sha256(read.envelope.payload) !== digest) return [];
    const opened = openPayload(read.envelope, digest);
    return opened.ok ? [{ digest, serial: opened.state.serial, state: opened.state }] : [];
  });
}
