import type { PullWalker } from "../agent/evidence/probe-ports.ts";
import { type ObservedResolution, observeResolution } from "../agent/observe-resolution.ts";
import { type Containerd, type Files, HostError } from "../agent/ports.ts";
import { type ImageReference, parseImageReference } from "../core/containerd/image-reference.ts";
import type { Architecture } from "../core/containerd/pull/choose-platform.ts";
import type { Resolution } from "../core/containerd/resolve-image.ts";
import { type ContainerdVersion, traitsOf } from "../core/containerd/version.ts";
import { type LastPull, readLastPull } from "../core/evidence/last-pull.ts";
import { sumUpWalk, type WalkSummary } from "../core/evidence/sum-up-walk.ts";
import { chooseVersion } from "./choose-version.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { type Asked, explanationToJson } from "./explain-json.ts";
import { listExplainNotes } from "./explain-notes.ts";
import { formatExplanation } from "./explain-text.ts";

export interface ExplainOptions {
  /** Instead of the installed one. */
  readonly containerdVersion?: string | undefined;
  /** Ask the hosts and the agent; otherwise files alone are read. */
  readonly probe: boolean;
}

export interface ExplainDeps {
  readonly files: Files;
  readonly containerd: Pick<Containerd, "version">;
  /** containerd's config.toml on the node. */
  readonly configPath: string;
  readonly walker: PullWalker;
  /** Of this machine. */
  readonly architecture: Architecture;
  /** Whether the environment of a running containerd, and with it its proxies, is known. */
  readonly knowsDaemon: () => boolean;
  /** `/status.json` of the running agent; undefined when there is none. */
  readonly agentStatus: () => Promise<unknown>;
}

/** For all questions together. */
const PROBE_TIMEOUT_MS = 120_000;
/** A request that takes longer is told while it is waited for. */
const QUIET_MS = 1_000;

/**
 * `explain IMAGE`: how containerd on this node resolves the image, and, unless it is told not to ask, what each host
 * answers and who serves. 1 when pulls of it fail, or mirrors do not serve as they should, or its hosts.toml counts
 * for nothing; 2 when the version, a file or the outcome cannot be known.
 */
export async function explain(
  image: string,
  options: ExplainOptions,
  io: CommandIo,
  deps: ExplainDeps,
): Promise<ExitCode> {
  const version = await chooseVersion(options, deps);
  if (!version.ok) {
    io.stderr(`${version.message}\n`);
    return version.exit;
  }
  const parsed = parseImageReference(image, version.version);
  if (!parsed.ok) {
    io.stderr(`${parsed.message}\n`);
    return 64;
  }
  try {
    const observed = await observeResolution(deps.files, deps.configPath, parsed.reference, version.version);
    const explanation = { ...observed, version: version.version, configFile: deps.configPath };
    const asked: Asked = options.probe ? await ask(observed, version.version, io, deps) : {};
    const notes = [...listExplainNotes(explanation), ...(options.probe ? daemonNotes(deps) : [])];
    if (io.json) printJson(io, "explain", explanationToJson(observed.resolution, notes, asked));
    else io.stdout(formatExplanation(explanation, notes, asked, io.color));
    return judge(observed.resolution, asked.summary);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    io.stderr(`${error.message}: what containerd would do is not known\n`);
    return 2;
  }
}

async function ask(
  observed: ObservedResolution,
  version: ContainerdVersion,
  io: CommandIo,
  deps: ExplainDeps,
): Promise<Asked> {
  const { reference } = observed.resolution;
  const [summary, lastPull] = await Promise.all([
    walk(observed, version, io, deps),
    findLastPull(reference, deps),
  ]);
  return { summary, lastPull };
}

async function findLastPull(reference: ImageReference, deps: ExplainDeps): Promise<LastPull | undefined> {
  return readLastPull(await deps.agentStatus(), reference);
}

/** Undefined when the files alone make every pull fail. */
async function walk(
  { resolution, config, readFile }: ObservedResolution,
  version: ContainerdVersion,
  io: CommandIo,
  { walker, architecture }: ExplainDeps,
): Promise<WalkSummary | undefined> {
  const { reference, hosts, outcome } = resolution;
  if (outcome.kind === "pull-fails") return undefined;
  const traits = traitsOf(version);
  const target = { plan: { reference, hosts, traits, architecture }, access: { config, readFile } };
  let timer: NodeJS.Timeout | undefined;
  const walked = await walker.walk(target, AbortSignal.timeout(PROBE_TIMEOUT_MS), ({ method, url }) => {
    clearTimeout(timer);
    timer = setTimeout(() => io.stderr(`waiting for ${method} ${url}\n`), QUIET_MS);
  });
  clearTimeout(timer);
  return sumUpWalk(walked, { hosts, traits, pullMode: config.pullMode });
}

function daemonNotes({ knowsDaemon }: ExplainDeps): readonly string[] {
  return knowsDaemon()
    ? []
    : [
        "containerd does not run here, or may not be looked at: hosts were asked without its proxies, if it has any",
      ];
}

function judge({ outcome, dropped }: Resolution, summary: WalkSummary | undefined): ExitCode {
  if (outcome.kind === "pull-fails" || dropped !== undefined || summary?.hasProblem === true) return 1;
  return summary?.from === "unknown" ? 2 : 0;
}
