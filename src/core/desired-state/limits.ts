/**
 * Bounds on what is read. Input over a limit is rejected whole: a desired state that is cut off is a different
 * desired state. The numbers leave room for ten thousand registries.
 */
export const LIMITS = {
  /** One desired-state file. */
  sourceBytes: 4 * 1024 * 1024,
  /** One file that a desired state names: certificate, key, docker config, password. */
  namedFileBytes: 1024 * 1024,
  /** Nesting of mappings and sequences. */
  depth: 32,
  /** Lexical YAML tokens in all files of one input; the parser's own work is linear in them. */
  tokens: 600_000,
  /** Lines, and commas, of one file: a cheap look before any parsing. */
  lines: 200_000,
  /** Keys and values, counting what every alias stands for. */
  nodes: 200_000,
  aliases: 100,
  keyLength: 512,
  mirrorsPerNamespace: 64,
  canaries: 32,
  issues: 1000,
} as const;
