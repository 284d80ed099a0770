/** Bounds on what is read before and after signatures are known to suffice. */
export const SIGNING_LIMITS = {
  /** An envelope in a file; one that comes over the feed has less. */
  fileBytes: 4 * 1024 * 1024,
  feedBytes: 256 * 1024,
  signatures: 64,
  /** Distinct keys that are trusted. */
  keys: 64,
} as const;
