import { type Bundle, readBundle } from "./bundle.ts";
import type { ReadResult } from "./problem.ts";
import { readStored } from "./read-record.ts";

/** `overrides/<node>`: what an operator of the fleet wants of this one node, whatever rollouts say. */
export interface Override {
  /** Absent: it keeps what it runs. */
  readonly bundle?: Bundle;
  readonly reason: string;
  readonly by: string;
  readonly atMs: number;
}

export function readOverride(text: string): ReadResult<Override> {
  return readStored(text, "an override", (reader) => {
    const bundle = reader.optional("bundle", () => reader.child("bundle", "a bundle", readBundle));
    return {
      ...(bundle && { bundle }),
      reason: reader.message("reason"),
      by: reader.message("by"),
      atMs: reader.moment("atMs"),
    };
  });
}
