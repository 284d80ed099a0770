import { parseImageReference } from "../containerd/image-reference.ts";
import { type LogLine, parseLogLine } from "../containerd/parse-log-line.ts";
import { cleanText } from "./clean-text.ts";
import type { WatchedRegistry } from "./evidence-report.ts";
import type { LogFinding } from "./log-finding.ts";
import { createOpenPulls, type OpenPulls } from "./open-pulls.ts";
import type { PullNotice } from "./pull.ts";
import { createResponseReader } from "./read-log-response.ts";
import { readSkip } from "./read-log-skip.ts";

export interface ContainerdLogReader {
  /** What is in force from now on. */
  watch(registries: readonly WatchedRegistry[]): void;
  /** Reads one line; `atMs`: when it was written. */
  read(text: string, atMs: number): LogFinding | undefined;
}

/**
 * Reads containerd's lines on pulls, of 1.6 to 2.x, at level info or debug. At info they tell what mirrors did not
 * resolve, on 1.x only where that was a 404 or no answer at all, and nothing of blobs. At debug every answer has a line
 * with its URL, and those alone are counted then.
 */
export function createContainerdLogReader(): ContainerdLogReader {
  const pulls = createOpenPulls();
  const responses = createResponseReader();
  let registries: readonly WatchedRegistry[] = [];
  let debugMs = Number.NEGATIVE_INFINITY;
  return {
    watch(wanted) {
      registries = wanted;
    },
    read(text, atMs) {
      if (!isOfInterest(text)) return undefined;
      const line = parseLogLine(text);
      if (line === undefined) return undefined;
      if (line.message === "starting containerd") debugMs = Number.NEGATIVE_INFINITY;
      if (line.level === "debug") {
        debugMs = atMs;
        responses.remember(line);
        return responses.read(line, atMs, registries);
      }
      if (/^trying next host|^fetch failed/.test(line.message)) {
        if (atMs - debugMs > DEBUG_MS) return readSkip(line, atMs, registries, pulls.all());
        responses.remember(line);
        return undefined;
      }
      return readDropped(line) ?? readPull(line, atMs, pulls);
    },
  };
}

/** A quick look at a line, as it is or inside of JSON, that most lines do not pass. */
export function isOfInterest(text: string): boolean {
  return OF_INTEREST.test(text);
}

const OF_INTEREST =
  /trying next host|fetch failed|do request|fetch response received|failed to decode |PullImage |starting containerd/;

/** Without a line of level debug for so long, the level has been changed. */
const DEBUG_MS = 60_000;

function readDropped({ level, message, fields }: LogLine): LogFinding | undefined {
  const file = /^failed to decode (.*hosts\.toml)$/.exec(message)?.[1];
  if (level !== "error" || file === undefined) return undefined;
  const error = cleanText(fields["error"] ?? "no reason given");
  return { kind: "dropped-hosts-file", ...(file.startsWith("/") ? { path: file } : {}), error };
}

function readPull({ message, fields }: LogLine, atMs: number, pulls: OpenPulls): LogFinding | undefined {
  const [, reference, end] = /^PullImage "([^"]+)"( failed$| returns image reference |$)/.exec(message) ?? [];
  if (reference === undefined) return undefined;
  if (end === "") {
    pulls.begin(reference, atMs);
    return undefined;
  }
  const open = pulls.end(reference);
  const parsed = parseImageReference(reference);
  if (end !== " failed" || !parsed.ok) return undefined;
  const { namespace, repository, normalized } = parsed.reference;
  const notice: PullNotice = {
    from: "log",
    registry: namespace,
    repository,
    reference: normalized,
    ...(open === undefined ? {} : { startedMs: open.startedMs }),
    endedMs: atMs,
    ok: false,
    error: cleanText(fields["error"] ?? "containerd does not say why"),
  };
  return { kind: "failed-pull", notice };
}
