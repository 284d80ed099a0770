/** What hosts answer, and what pulls have shown. Title of each. */
export const PULL_FINDINGS = {
  "host-unreachable": "a host of a pull does not answer",
} as const;
