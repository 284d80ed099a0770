/** Where the containerd that runs differs from what the files say. Title of each. */
export const PROCESS_FINDINGS = {
  "config-newer-than-daemon": "containerd started before its configuration was changed",
} as const;
