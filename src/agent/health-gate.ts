import { type ContainerdHealth, HostError, type Ports } from "./ports.ts";

export interface GateOptions {
  /** Until when containerd must have come up well, ms from now. */
  readonly timeoutMs: number;
  /** The directory containerd must be reading; undefined where none is wanted (legacy style). */
  readonly configPath?: string;
  /** Images whose pull worked before the change and must work after it. */
  readonly canaries: readonly string[];
}

export type GateResult = { readonly ok: true } | { readonly ok: false; readonly message: string };

const POLL_MS = 100;
const UNKNOWN_MS = 10_000;
const CANARY_TIMEOUT_MS = 60_000;

/**
 * Decides whether containerd came up well. An active unit proves nothing: with `mirrors` and `config_path` both
 * set, containerd runs without its CRI plugin. Passes only when the CRI plugins loaded, CRI answers, the
 * effective config_path (where the version shows it) is right, and the canaries still pull. Throws a retryable
 * HostError when nobody could ask it until the deadline: not to know is no reason to take anything back.
 */
export async function passHealthGate(
  { containerd, clock }: Pick<Ports, "containerd" | "clock">,
  options: GateOptions,
  signal: AbortSignal,
): Promise<GateResult> {
  const deadline = clock.uptimeMs() + options.timeoutMs;
  let health = await containerd.health(signal);
  let knownMs = clock.uptimeMs();
  while (!isSettled(health) && clock.uptimeMs() < deadline) {
    if (health.unknown !== true) knownMs = clock.uptimeMs();
    // The next pass asks again; an end of the agent must not wait for who has gone before it.
    if (clock.uptimeMs() - knownMs > UNKNOWN_MS) break;
    await clock.sleep(POLL_MS, signal);
    health = await containerd.health(signal);
  }
  if (health.unknown === true) throw notKnown(health.message);
  const complaint = complaintOf(health, options.configPath);
  if (complaint !== undefined) return { ok: false, message: complaint };
  for (const image of options.canaries) {
    const pull = await containerd.pullImage(image, CANARY_TIMEOUT_MS, signal);
    // Not a canary any more: root's desired state has changed since.
    if (!pull.ok && pull.code === "helper-refused") continue;
    if (!pull.ok && pull.unknown === true) throw notKnown(pull.message);
    if (!pull.ok)
      return {
        ok: false,
        message: `canary ${image} was pulled before the change and is not any more: ${pull.message}`,
      };
  }
  return { ok: true };
}

function notKnown(why: string | undefined): HostError {
  const message = `containerd was restarted, and whether it is well is not known: ${why ?? "no reason given"}; what was changed stays as it is, and is taken back only if containerd turns out not to be well`;
  return new HostError("health-unknown", "", message, { retryable: true });
}

/** Once the daemon answers, a plugin that failed to load stays failed: waiting longer would not help. */
function isSettled(health: ContainerdHealth): boolean {
  return health.reachable && (health.criReady || health.failedPlugins.length > 0);
}

/** What is wrong with a containerd, in its own words where it has any; undefined: it is well, or nobody could ask. */
export function complaintOf(health: ContainerdHealth, configPath?: string): string | undefined {
  if (health.unknown === true) return undefined;
  if (!health.reachable) return `containerd does not answer: ${health.message ?? "no reason given"}`;
  const failed = health.failedPlugins.map(({ id, message }) => `${id}: ${message}`);
  if (failed.length > 0) return `containerd runs without CRI: ${failed.join("; ")}`;
  if (!health.criReady) return `CRI does not answer: ${health.message ?? "no reason given"}`;
  if (configPath !== undefined && health.criConfigPath !== undefined && health.criConfigPath !== configPath)
    return `containerd reads registry configuration from ${JSON.stringify(health.criConfigPath)}, not from ${configPath}`;
  return undefined;
}
