import type { Outcome } from "../core/fleet/assess-node.ts";
import type { Reason } from "../core/fleet/assignment.ts";
import type { WaitCode } from "../core/fleet/decision.ts";
import type { DifferenceKind } from "../core/fleet/fleet-summary.ts";
import type { NodeSource } from "../core/fleet/node-status.ts";
import type { HaltCode, RolloutPhase } from "../core/fleet/rollout-state.ts";

/** What a rollout waits for. Completes "ID …". */
export const WAIT_WORDS: Readonly<Record<WaitCode, string>> = {
  preflight: "asks every node whether it would work there, and waits for answers",
  "nobody-connected": "waits for a node of its scope to connect",
  "class-untried": "waits for a node of each class to try it on",
  wave: "waits for the nodes of this wave",
  offline: "waits for nodes of this wave without a connection (offline: wait)",
  baking: "bakes: enough of this wave are done, and are watched before the next one",
  unproven: "bakes on: nothing was pulled from a registry that changed, so nothing is proven yet",
  away: "waits: too many nodes that were done have no connection now",
  paused: "is paused",
  "out-of-window": "waits for its window",
  "no-room":
    "is done, and cannot be written down: its channel has too many parts with a state of their own; halt it, and supersede it by a rollout of the whole channel",
  halted: "is halted",
  reverting: "gives nodes back what they had before",
  ended: "is over",
};

/** Why a node is told what it is told, or is told nothing. Completes "the node …". */
export const REASON_WORDS: Readonly<Record<Reason, string>> = {
  settled: "runs what it should",
  stable: "is told to run the stable state of its channel",
  preflight: "is asked whether it would work there",
  wave: "is told to run the new state: its wave is released",
  revert: "is told to go back",
  "pinned-by-fleet": "has an override of the fleet, which counts more than rollouts",
  "pinned-on-node": "is pinned by an operator on the node itself: remove the pin there",
  "under-way": "has been told, and has not answered yet",
  answered:
    "has answered that it runs what it should, and runs something else: it is told again after ten minutes, or when it connects again",
  "overlapping-rollouts": "is in the scope of two rollouts, and gets neither: end one",
  refused:
    "has refused it or gone back from it, and is not asked again: mend the cause, then retry the rollout; where none goes on: mirrorlet fleet override set NODE --to SERIAL, and clear that when it runs",
  "refused-for-now":
    "has refused the stable state of its channel: mend the cause; it is asked again after a minute once its agent was restarted, else after ten, and less often each time",
  halted: "is left as it is: its rollout is halted",
  paused: "is told nothing new: its rollout is paused",
  "out-of-window": "is told nothing new outside the windows of its rollout",
  "clock-off": "is told nothing new: the clocks of its feed server and of the controller are too far apart",
  "controller-silent": "is told nothing new: no controller leads, and without one nothing goes on",
  "engine-stale": "is told nothing new: the server does not know the newest state of the fleet",
  "in-doubt": "is told nothing new: a record of its channel cannot be read (mirrorlet fleet status)",
  silent: "has not answered in time; it is told again on its next connection",
  "nothing-known": "has nothing to run: its channel has no stable state yet",
};

/** Names of nodes follow. `isTrouble`: somebody should look. */
export const DIFFERENCE_WORDS: Readonly<
  Record<DifferenceKind, { readonly title: string; readonly meaning: string; readonly isTrouble: boolean }>
> = {
  failed: { title: "failed", meaning: "refused the new state, or went back from it", isTrouble: true },
  lost: { title: "lost", meaning: "were told the new state, and did not answer in time", isTrouble: true },
  cloned: { title: "cloned", meaning: "two machines use one certificate", isTrouble: true },
  unwell: { title: "unwell", meaning: "their pulls fail, or go past the mirror", isTrouble: true },
  "other-state": { title: "other state", meaning: "run neither the stable nor a new state", isTrouble: true },
  drifted: { title: "drifted", meaning: "somebody else changes what mirrorlet writes", isTrouble: true },
  "several-channels": {
    title: "several channels",
    meaning: "are members of more than one channel, and take from none",
    isTrouble: true,
  },
  "no-channel": { title: "no channel", meaning: "are members of none, and get nothing", isTrouble: true },
  "pinned-on-node": {
    title: "pinned there",
    meaning: "an operator on the node has pinned it",
    isTrouble: false,
  },
  "pinned-by-fleet": { title: "overridden", meaning: "fleet override set", isTrouble: false },
  gone: { title: "gone", meaning: "have no connection now", isTrouble: false },
  unseen: { title: "never seen", meaning: "are in the inventory, and never connected", isTrouble: false },
};

export const PHASE_WORDS: Readonly<Record<RolloutPhase, string>> = {
  preflight: "in preflight",
  waves: "in waves",
  halted: "halted",
  reverting: "going back",
  done: "done",
  reverted: "went back",
  superseded: "superseded by another rollout",
};

/** What can be done after a halt, beside going back or trying again. */
export const HALT_ADVICE: Readonly<Record<HaltCode, string>> = {
  operator: "somebody halted it: resume goes on where it stood",
  "preflight-failed":
    "no node was touched: mend what they say, then retry; or allow for it with preflight.maxFailed",
  "preflight-empty":
    "no node was touched: see that nodes of its scope are connected and can be asked, then retry",
  "too-many-failed":
    "mend what they say, then retry; nodes that went back did so by themselves, those that are lost may run either state",
  "too-many-silent": "look at these nodes: they were told, and may run either state",
  "too-few-done": "more nodes failed or were lost than minDone allows: mend what they say, then retry",
  "class-untried": "connect a node of that class, or leave the class out of the scope; then resume",
  unproven:
    "pull an image from these registries on a node of the wave, or name canaries in the desired state; then resume",
};

export const SOURCE_WORDS: Readonly<Record<NodeSource, string>> = {
  none: "nothing of ours in force",
  feed: "from the feed",
  file: "from a file on the node",
  pinned: "pinned on the node",
};

/** What a node means to its wave. */
export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  done: "done",
  failed: "failed",
  silent: "silent: connected, and no answer in time",
  suspect: "lost: gone after it had been told",
  working: "under way",
  waiting: "to be told",
  offline: "offline",
  excluded: "left out",
};
