import type { TokenBlocks } from "../../core/fleet/share-tokens.ts";
import { commit, type Guard, unchanged, type WriteResult } from "./commit.ts";
import type { Stored } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";

/**
 * Tokens of a rollout. `guards`: of a feed server its seat, and where it takes some, the rollout's state as it was, whose
 * wave has the cap; of the controller its leadership.
 */
export function writeTokens(
  store: FleetStore,
  rollout: string,
  before: Stored<TokenBlocks> | undefined,
  value: TokenBlocks,
  guards: readonly [Guard, ...Guard[]],
): Promise<WriteResult> {
  return commit(
    store,
    [...guards, unchanged("tokens", rollout, before)],
    [{ kind: "tokens", id: rollout, value }],
  );
}
