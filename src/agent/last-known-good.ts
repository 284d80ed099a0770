import type { DesiredState } from "../core/desired-state/desired-state.ts";
import type { Ports } from "./ports.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";

const SCHEMA = "mirrorlet.last-known-good/v1";

export function encodeLastKnownGood(state: DesiredState, sha256: Ports["sha256"]): Uint8Array {
  return sealJson(SCHEMA, state, sha256);
}

/** Undefined when it is damaged: then there is none, and the next pass that puts a state in force writes it anew. */
export function decodeLastKnownGood(bytes: Uint8Array, sha256: Ports["sha256"]): DesiredState | undefined {
  return openSealedJson(SCHEMA, bytes, sha256) as DesiredState | undefined;
}
