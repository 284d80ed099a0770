import type { SourceFile } from "../core/desired-state/source-file.ts";
import type { Tries } from "./apply-record.ts";
import { MAX_TRIES } from "./count-tries.ts";
import type { Ports } from "./ports.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";
import type { StateDirectory } from "./state-directory.ts";

/** What `understand` gives; undefined for sources in whose reading the agent has ended `MAX_TRIES` times. */
export type ReadGuard = <T>(
  sources: readonly SourceFile[],
  /** A person asks for another try. */
  isWanted: boolean,
  understand: () => Promise<T>,
) => Promise<T | undefined>;

/**
 * Counts tries to understand sources before it is done, by the digest of their bytes, for the start after a crash to
 * see: parsing is where hostile bytes meet most code, and what they do there would end it at every start.
 */
export function createReadGuard(
  state: Pick<StateDirectory, "loadReading" | "saveReading">,
  { sha256, log }: Pick<Ports, "sha256" | "log">,
): ReadGuard {
  /** Understood in this life already, so that they are no danger, and nothing is written for them. */
  let known: string | undefined;
  const save = async (tries: Tries | undefined): Promise<void> => {
    // On a full disk the state is read all the same; whoever has to write for it says what is wrong.
    await state
      .saveReading(tries)
      .catch((error: Error) => log.debug({ error: error.message }, "not counted"));
  };
  return async (sources, isWanted, understand) => {
    const digest = digestOf(sources, sha256);
    if (digest === known) return understand();
    const before = await state.loadReading().catch(() => undefined);
    const count = before?.digest === digest ? before.count : 0;
    if (count >= MAX_TRIES && !isWanted) return undefined;
    await save({ digest, count: count + 1 });
    const result = await understand();
    known = digest;
    await save(undefined);
    return result;
  };
}

function digestOf(sources: readonly SourceFile[], sha256: Ports["sha256"]): string {
  const parts = sources.map(({ name, bytes }) => [name, sha256(bytes)]);
  return sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

const SCHEMA = "mirrorlet.reading/v1";

export function encodeReading(tries: Tries, sha256: Ports["sha256"]): Uint8Array {
  return sealJson(SCHEMA, tries, sha256);
}

/** Undefined where it is damaged: then it is counted anew. */
export function decodeReading(bytes: Uint8Array, sha256: Ports["sha256"]): Tries | undefined {
  return openSealedJson(SCHEMA, bytes, sha256) as Tries | undefined;
}
