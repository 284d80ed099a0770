import { CONFIG_WORDS } from "./config-words.ts";
import type { ErrorCode, NodeTrouble } from "./error-form.ts";
import { HOSTS_WORDS } from "./hosts-words.ts";
import type { NodeWords } from "./node-words.ts";
import type { PullError } from "./read-pull-error.ts";

/** What of the node itself is wrong. The texts come from its own containerd, so that no host has a part in it. */
export function describeNodeTrouble(code: NodeTrouble, { detail }: PullError): NodeWords {
  return WORDS[code](detail);
}

export function isNodeTrouble(code: ErrorCode): code is NodeTrouble {
  return Object.hasOwn(WORDS, code);
}

const WORDS: Readonly<Record<NodeTrouble, (detail: string) => NodeWords>> = {
  ...CONFIG_WORDS,
  ...HOSTS_WORDS,
  "image-name-refused": (name) => ({
    cause: `containerd does not take ${name === "" ? "the name of the image" : JSON.stringify(name)}`,
    consequence: "nobody is asked for it",
    fix: "correct the name in the pod: host/repository:tag, lower case, no scheme",
  }),
  "pull-cancelled": () => ({
    cause: "the pull was cancelled while it waited; the text does not say for whom",
    consequence: "no later host was asked",
    fix: "mirrorlet explain IMAGE shows which host does not answer; take it out, or write dial_timeout for it (containerd 2.0.7); image_pull_progress_timeout has to be longer than all waiting",
  }),
};
