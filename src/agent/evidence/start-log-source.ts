import { type ContainerdVersion, traitsOf } from "../../core/containerd/version.ts";
import type { WatchedRegistry } from "../../core/evidence/evidence-report.ts";
import type { LogFinding } from "../../core/evidence/log-finding.ts";
import { createContainerdLogReader, isOfInterest } from "../../core/evidence/read-containerd-log.ts";
import type { Ports } from "../ports.ts";
import type { EvidenceSink } from "./evidence-sink.ts";
import { createStateTeller, type RunningSource } from "./running-source.ts";
import type { UnitLog } from "./unit-log.ts";

export interface LogSourceOptions {
  readonly ports: Pick<Ports, "containerd" | "clock" | "log" | "claims">;
  /** Undefined: how containerd is restarted does not tell which unit it is. */
  readonly unitLog: UnitLog | undefined;
  readonly sink: Pick<EvidenceSink, "notice" | "logged" | "source">;
}

export interface RunningLogSource extends RunningSource {
  /** What is in force from now on. */
  watch(registries: readonly WatchedRegistry[]): void;
}

const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 60_000;
/** A log that was followed for so long can be followed. */
const STEADY_MS = 2_000;
/** How long the state tells of a hosts.toml that containerd does not read. */
const DROPPED_MS = 10 * 60_000;

/** Reads containerd's lines in the journal: what mirrors did not resolve, pulls that failed, files it does not read. */
export function startLogSource({ ports, unitLog, sink }: LogSourceOptions): RunningLogSource {
  const { containerd, clock, log, claims } = ports;
  const abort = new AbortController();
  const { signal } = abort;
  const reader = createContainerdLogReader();
  const state = createStateTeller({ up: false, message: "not started yet" }, (now) =>
    sink.source({ source: "log", ...now }),
  );
  const limits = createLimits();

  const take = (finding: LogFinding): void => {
    if (finding.kind === "fallback") sink.logged(finding.fallback);
    else if (finding.kind === "failed-pull") {
      // The agent's own pulls are told by whoever made them.
      if (claims?.take(finding.notice.reference, false) !== true) sink.notice(finding.notice);
    } else if (limits.note(finding, clock.uptimeMs())) {
      log.warn({}, limits.message(clock.uptimeMs()));
    }
  };
  /** The log can be read, but not followed: it is looked at again and again, which is no reason to call it up. */
  let isPolled = false;
  const sayUp = (): void => {
    if (!isPolled) state.set(true, limits.message(clock.uptimeMs()));
  };
  /** `cursor`: of the last line that came, or of the end. */
  const follow = async (after: string | undefined): Promise<{ why: string; cursor: string | undefined }> => {
    let cursor: string | undefined;
    let hasPlace = false;
    const ended = new AbortController();
    const steady = (): void => {
      isPolled = false;
      sayUp();
    };
    limits.of(await containerd.version());
    const why = await (unitLog as UnitLog).follow(
      {
        after,
        isOfInterest,
        onOpen() {
          sayUp();
          clock.sleep(STEADY_MS, ended.signal).then(steady, () => {});
        },
        onEntry(entry) {
          cursor = entry.cursor;
          const finding = reader.read(entry.text, entry.atMs);
          if (finding !== undefined) take(finding);
          sayUp();
        },
        onPlace(place) {
          cursor = place;
          hasPlace = true;
        },
      },
      signal,
    );
    ended.abort();
    isPolled = hasPlace;
    return { why: hasPlace ? `${why}; it is read from time to time instead` : why, cursor };
  };
  const run = async (): Promise<void> => {
    let waitMs = MIN_WAIT_MS;
    let cursor: string | undefined;
    while (!signal.aborted) {
      const startedMs = clock.uptimeMs();
      const ended = await follow(cursor).catch((error: unknown) => ({ why: String(error), cursor }));
      if (signal.aborted) return;
      state.set(false, `the journal cannot be followed: ${ended.why}`);
      const ranWell = clock.uptimeMs() - startedMs > MAX_WAIT_MS;
      // A place in the journal that is gone must not be asked for again.
      cursor = ended.cursor ?? (ranWell ? cursor : undefined);
      if (ranWell) waitMs = MIN_WAIT_MS;
      await clock.sleep(waitMs, signal).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
    }
  };
  if (unitLog === undefined) state.set(false, "containerd is not a systemd unit, so that it has no journal");
  const running = unitLog === undefined ? Promise.resolve() : run();
  return {
    state: state.state,
    watch: (registries) => reader.watch(registries),
    async stop() {
      abort.abort(new Error("stopping"));
      await running;
    },
  };
}

type Limit = Extract<LogFinding, { kind: "dropped-hosts-file" | "unattributed" }>;

/** What the log does not show, and what it shows besides pulls. */
function createLimits() {
  let version: ContainerdVersion | undefined;
  let dropped: { readonly text: string; readonly uptimeMs: number } | undefined;
  let unattributed = 0;
  return {
    of(installed: ContainerdVersion | undefined): void {
      version = installed;
    },
    /** True when it is news. */
    note(finding: Limit, uptimeMs: number): boolean {
      if (finding.kind === "unattributed") {
        unattributed++;
        return false;
      }
      const text = `containerd does not read ${finding.path ?? "a hosts.toml"}, so that its mirrors are not used: ${finding.error}`;
      const isNews = dropped?.text !== text;
      dropped = { text, uptimeMs };
      return isNews;
    },
    message(uptimeMs: number): string {
      const isRecent = dropped !== undefined && uptimeMs - dropped.uptimeMs < DROPPED_MS;
      return [
        ...(isRecent && dropped !== undefined ? [dropped.text] : []),
        version === undefined || traitsOf(version).logsEverySkippedHost ? NO_BLOBS : FEW_ANSWERS,
        ...(unattributed === 0 ? [] : [`${unattributed} lines did not tell for which registry`]),
      ].join("; ");
    },
  };
}

const NO_BLOBS = "at level info the log tells what mirrors did not resolve, nothing of blobs";
const FEW_ANSWERS =
  "at level info containerd 1.x tells of mirrors that answer 404 or not at all, nothing of other answers and of blobs";
