/** Bounds on what is read from the engine and from files about a fleet. */
export const FLEET_LIMITS = {
  /** One record in the engine, in UTF-16 units. */
  record: 256 * 1024,
  /**
   * `status/<shard>/<node>`, in bytes. Of a node that is well it has about 1 KiB; with long names everywhere and a failure to
   * tell, three. A tenth of the engine's quota has room for 50,000 of these.
   */
  status: 4096,
  /** Nodes, or values of one label, in a selector. */
  selectorValues: 4_000,
  labelKeys: 16,
  waves: 16,
  windows: 16,
  /** Classes that are counted apart. */
  classes: 64,
  supersedes: 8,
  /** Parts of a channel with a state of their own, with those that rollouts are about to add, */
  scoped: 64,
  /** and how many are read all the same. */
  scopedRead: 256,
  /** Problems told of one record. */
  problems: 20,
  /** Characters of a message or a reason that is kept. */
  message: 200,
  /** Of a version of the agent or of containerd. */
  version: 64,
  /** What a node has refused, the newest last. */
  refusals: 4,
  /** Host namespaces named in a status. */
  namespaces: 4,
  maxInFlight: 10_000,
  durationMs: 30 * 24 * 3_600_000,
} as const;
