import { FREEZE_PATH } from "./pass-results.ts";
import { HostError, type Ports } from "./ports.ts";

/** A node that makes one pod after the other has no better moment. */
const MOST_MS = 30_000;
const EVERY_MS = 1_000;

/**
 * Waits, half a minute at most, until containerd makes no pod: a restart then cuts kubelet's call off, and the pod is
 * left behind half made until kubelet has found out and tries again.
 * https://github.com/NVIDIA/gpu-operator/issues/991
 * Throws HostError `frozen` where somebody does not want that restart and has frozen the node meanwhile.
 */
export async function waitForPods(
  { containerd, clock, files, log }: Ports,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = clock.uptimeMs() + MOST_MS;
  let pods = await containerd.podsInMaking();
  if (pods.length === 0) return;
  log.info({ pods }, "the restart of containerd waits for pods that are being made");
  while (clock.uptimeMs() < untilMs) {
    await clock.sleep(EVERY_MS, signal);
    if ((await files.read(FREEZE_PATH)) !== undefined) throw isFrozen();
    pods = await containerd.podsInMaking();
    if (pods.length === 0) return;
  }
  log.warn({ pods }, "containerd is restarted while it makes pods: it has not been without any for 30 s");
}

function isFrozen(): HostError {
  const message = "containerd is not restarted: the node was frozen while that waited for pods";
  return new HostError("frozen", FREEZE_PATH, message, { retryable: true });
}
