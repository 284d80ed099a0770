import { type Gradual, mapGradually } from "../../gradual.ts";
import { fateOf } from "../fate.ts";
import { isNearConfig } from "../is-near-config.ts";
import type { NodeView } from "../node-view.ts";
import { compareIntent, type Difference } from "./compare-intent.ts";
import {
  type HostDirectory,
  listHostDirectories,
  type RulingDirectory,
  rulingDirectory,
} from "./host-directory.ts";
import type { Intent } from "./intent.ts";
import { readIntents } from "./read-intents.ts";

/** What the checks of this family share, worked out once in a run. */
export interface HostsContext {
  readonly view: NodeView;
  readonly directories: readonly HostDirectory[];
  readonly ruling: readonly RulingDirectory[];
  /** Each with the ways in which pulls do not follow it. */
  readonly intents: readonly (Intent & { readonly differences: readonly Difference[] })[];
}

export function* createHostsContext(view: NodeView): Gradual<HostsContext> {
  const directories = listHostDirectories(view);
  const ruling = yield* mapGradually(directories, (directory) => rulingDirectory(directory, view) ?? []);
  yield;
  const near = readIntents(view, directories).filter(
    ({ standing, directory }) => standing !== "usual" || isNearConfig(directory, view),
  );
  const intents = yield* mapGradually(near, (intent) => {
    return { ...intent, differences: compareIntent(intent, fateOf(intent.namespace, view)) };
  });
  return { view, directories, ruling: ruling.flat(), intents };
}
