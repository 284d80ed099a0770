import { equalBytes } from "../core/plan/equal-bytes.ts";
import type { FileChange } from "../core/plan/plan-certs.ts";
import type { ApplyRecord, RestartEntry } from "./apply-record.ts";
import type { Clock } from "./ports.ts";

/** A path that somebody else keeps changing. */
export interface Contest {
  readonly path: string;
  readonly times: number;
  /** Median time between changes. */
  readonly intervalMs: number;
  /** How long we leave it alone. */
  readonly waitMs: number;
}

const MEMORY_MS = 3_600_000;
const FREE_REPAIRS = 3;
const FIRST_WAIT_MS = 30_000;
const MAX_WAIT_MS = 1_800_000;

/**
 * Changes to what we wrote before, under a desired state that is already in force: made by somebody else. What is
 * still as we wrote it changes for reasons of our own, such as an upgrade of containerd or of agent.toml.
 */
export function findDrift(
  changes: readonly FileChange[],
  record: ApplyRecord,
  configPath: string,
  sha256: (bytes: Uint8Array) => string,
): readonly FileChange[] {
  return changes.filter(({ path, before, after }) => {
    const written = writtenAs(path, record, configPath);
    if (written === undefined) return false;
    const onlyMode = before !== undefined && after !== undefined && equalBytes(before, after);
    return onlyMode || before === undefined || sha256(before) !== written;
  });
}

function writtenAs(
  path: string,
  { configDigest, traces, files }: ApplyRecord,
  configPath: string,
): string | undefined {
  if (path === configPath) return configDigest;
  return path === traces?.path ? traces.digest : files[path];
}

/**
 * Paths repaired so often that another repair would only be a fight: after three repairs within an hour each
 * further one waits twice as long as the one before, from 30 s up to 30 min.
 */
export function findContests(
  drift: readonly FileChange[],
  repairs: ApplyRecord["repairs"],
  clock: Clock,
): readonly Contest[] {
  const now = clock.uptimeMs();
  return drift.flatMap(({ path }) => {
    const times = recent(repairs[path] ?? [], clock);
    const last = times.at(-1);
    if (last === undefined || times.length < FREE_REPAIRS) return [];
    const backoffMs = Math.min(FIRST_WAIT_MS * 2 ** (times.length - FREE_REPAIRS), MAX_WAIT_MS);
    const waitMs = last + backoffMs - now;
    if (waitMs <= 0) return [];
    return [{ path, times: times.length, intervalMs: medianGap(times), waitMs }];
  });
}

export function withRepairs(
  repairs: ApplyRecord["repairs"],
  paths: readonly string[],
  clock: Clock,
): ApplyRecord["repairs"] {
  const entry: RestartEntry = { bootId: clock.bootId, uptimeMs: clock.uptimeMs() };
  const kept = Object.entries(repairs)
    .map(([path, entries]) => [path, toEntries(recent(entries, clock), clock)] as const)
    .filter(([, entries]) => entries.length > 0);
  const next: Record<string, readonly RestartEntry[]> = Object.fromEntries(kept);
  for (const path of paths) next[path] = [...(next[path] ?? []), entry].slice(-16);
  return next;
}

export function describeContest({ path, times, intervalMs, waitMs }: Contest): string {
  return `${path} was changed by somebody else ${times} times within an hour, every ${seconds(intervalMs)}; it is left as it is for ${seconds(waitMs)}. Find what writes it (auditctl -w ${path} -p wa) and stop it, or take the registry out of the desired state`;
}

function recent(entries: readonly RestartEntry[], clock: Clock): readonly number[] {
  const now = clock.uptimeMs();
  return entries
    .filter((entry) => entry.bootId === clock.bootId && now - entry.uptimeMs < MEMORY_MS)
    .map((entry) => entry.uptimeMs);
}

function toEntries(times: readonly number[], clock: Clock): readonly RestartEntry[] {
  return times.map((uptimeMs) => ({ bootId: clock.bootId, uptimeMs }));
}

function medianGap(times: readonly number[]): number {
  const gaps = times
    .slice(1)
    .map((time, index) => time - (times[index] ?? time))
    .sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? 0;
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.round(ms / 1000))} s`;
}
