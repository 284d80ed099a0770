const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** What the ledger keeps, and for how long. Counters are bounded by the configuration, everything else by these. */
export const EVIDENCE_LIMITS = {
  /** A verdict gets better no sooner than this after the last pull that was worse. */
  graceMs: 30 * second,
  /** Older evidence proves nothing about now. */
  ageMs: 24 * hour,
  /** Of canary pulls, failures in a row that turn a verdict. */
  canaryFailures: 2,

  /** Where the upstream is closed: repositories whose images are missing, within that time, that mirrors are blamed for. */
  missingRepositories: 3,
  missingMs: hour,
  /** Images that are remembered to have come from mirrors where the upstream is closed. */
  servedImages: 1024,

  /** A pull that is told without its requests waits so long for hits at the witness, which come another way. */
  settleMs: 2 * second,
  /** …and so long for its trace, where traces show requests. */
  traceWaitMs: 10 * second,
  waitingPulls: 256,
  /** Hits where the upstream is closed that belong to no pull by then are one that failed. */
  lostMs: 15 * second,

  /** A hit belongs to a pull of the same repository that ends later; bigger images take long. */
  hitAgeMs: 30 * minute,
  hits: 4096,

  /** So long after a trace told of a pull, others that tell of it are known to be late. */
  tracedAgeMs: minute,
  tracedPulls: 256,

  /** A mirror that failed a probe so long before a bad pull is taken for its reason. */
  troubleMs: 5 * minute,

  recentPulls: 100,
  recentFallbacks: 50,
  /** Of one pull; an image of a hundred layers must not push out everything else. */
  fallbacksOfOnePull: 8,
  hostsOfOnePull: 8,
  textLength: 300,
} as const;
