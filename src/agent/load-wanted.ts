import type { SourceFile } from "../core/desired-state/source-file.ts";
import { formatIssue, type Issue, type Place } from "../core/issue.ts";
import type { Acceptance } from "../core/signing/accept-sources.ts";
import type { SigningPorts } from "../core/signing/check-signed-state.ts";
import { acceptDesiredState } from "./accept-desired-state.ts";
import type { Wanted } from "./choose-desired-state.ts";
import { MAX_TRIES } from "./count-tries.ts";
import type { LoadContext } from "./load-desired-state.ts";
import type { LoadDesiredState, LoadedDesiredState } from "./remember-loaded.ts";
import type { StateDirectory } from "./state-directory.ts";
import { trackInputs } from "./track-inputs.ts";

/** Undefined: the agent has ended in it too often. */
export type GuardedLoad = (...input: Parameters<LoadDesiredState>) => Promise<LoadedDesiredState | undefined>;

export interface WantedContext {
  /** Who has to have signed. */
  readonly expected: Omit<Acceptance, "standingOf" | "isLook">;
  readonly signing: SigningPorts;
  readonly state: Pick<StateDirectory, "loadRecord" | "loadFloors">;
  readonly understand: GuardedLoad;
  readonly load: LoadContext;
  /** Where findings about the whole point. */
  readonly at: Place;
  /** Files with public keys: a change of one may change what is accepted. */
  readonly keyFiles: readonly string[];
}

/** What the sources want of this node. Who has signed them is looked at before anything of them is understood. */
export async function loadWanted(
  sources: readonly SourceFile[],
  { expected, signing, state: memory, understand, load, at, keyFiles }: WantedContext,
): Promise<Exclude<Wanted, { kind: "kept" }>> {
  const { clock } = load;
  const accepted = await acceptDesiredState(sources, expected, { state: memory, clock, signing });
  if (!accepted.ok) {
    const { issues, notBeforeMs } = accepted;
    const retry = notBeforeMs === undefined ? {} : { retryMs: Math.max(notBeforeMs - clock.now(), 1000) };
    return { ...nothingWanted(issues, keyFiles), ...retry };
  }
  const { files, inputs: named } = trackInputs(load.files);
  const understood = await understand(accepted.files, { ...load, files });
  // After reading: then it is known what there was to read.
  const inputs = [...keyFiles, ...named];
  if (understood === undefined)
    return { kind: "none", message: endedReading(at.file), issues: accepted.issues, inputs };
  const { state, digest, issues: found } = understood;
  const issues = [...accepted.issues, ...found];
  if (state === undefined || digest === undefined) return nothingWanted(issues, inputs);
  const { verified } = accepted;
  return { kind: "state", state, digest, issues, at, inputs, ...(verified && { verified }) };
}

function endedReading(file: string): string {
  return `${file}: the agent ended ${MAX_TRIES} times while it read this desired state: it is not read again until it changes, or until mirrorlet apply is run by hand`;
}

export function nothingWanted(
  issues: readonly Issue[],
  inputs: readonly string[],
): Extract<Wanted, { kind: "none" }> {
  const errors = issues.filter((issue) => issue.severity === "error");
  const [first, ...more] = errors;
  const rest = more.length === 0 ? "" : ` (and ${more.length} more: run mirrorlet validate)`;
  const message = first === undefined ? "there is no desired state" : `${formatIssue(first)}${rest}`;
  return { kind: "none", message, issues, inputs };
}
