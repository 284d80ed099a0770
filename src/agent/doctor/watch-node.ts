import type { ContainerdVersion } from "../../core/containerd/version.ts";
import { diagnose } from "../../core/doctor/diagnose.ts";
import { type Finding, formatPlace } from "../../core/doctor/finding.ts";
import type { NodeView } from "../../core/doctor/node-view.ts";
import type { ObservedTree } from "../../core/host-state.ts";
import { redactSecrets } from "../../core/redact-secrets.ts";
import { type Containerd, HostError, type Ports } from "../ports.ts";
import { type ObserveNodeOptions, observeNodeView } from "./observe-node-view.ts";

export interface WatchNodeOptions extends Omit<ObserveNodeOptions, "version"> {
  readonly ports: Pick<Ports, "files" | "clock" | "log">;
  readonly containerd: Pick<Containerd, "version">;
  /** Other findings than before. */
  readonly onChange: (findings: readonly Finding[]) => void;
}

/** What doctor finds in the files of the node, kept up to date by a running agent. */
export interface NodeWatch {
  /** A pass is over: a reason to look again. One look at a time; what comes meanwhile is one more. */
  passed(): void;
  /** Waits for the look under way. */
  stop(): Promise<void>;
}

/** Dates of certificates come nearer without any file being changed. */
const DATES_MS = 6 * 60 * 60 * 1000;

/**
 * Looks when a pass is over, never when somebody asks. Checks run only on what has changed since: most passes find
 * everything as it was, and thousands of registries take a while.
 */
export function watchNode(options: WatchNodeOptions): NodeWatch {
  const { ports, containerd, onChange } = options;
  let known: { readonly inputs: readonly unknown[]; readonly findings: readonly Finding[] } = NOTHING;
  let looking: Promise<void> | undefined;
  let isStale = false;
  let isStopped = false;

  async function look(): Promise<void> {
    const version = await containerd.version();
    if (version === undefined || isStopped) return;
    const view = await observe(version, options);
    const inputs = view === undefined ? [] : inputsOf(view);
    if (view === undefined || isSame(inputs, known.inputs)) return;
    const findings = diagnose(view);
    const before = known.findings;
    known = { inputs, findings };
    if (JSON.stringify(findings) === JSON.stringify(before)) return;
    tellNew(findings, before, ports);
    onChange(findings);
  }

  async function run(): Promise<void> {
    while (isStale && !isStopped) {
      isStale = false;
      await look().catch((error: unknown) =>
        ports.log.error({ error: String(error) }, "the node's files could not be checked"),
      );
    }
    looking = undefined;
  }

  return {
    passed() {
      isStale = true;
      looking ??= run();
    },
    async stop() {
      isStopped = true;
      await looking;
    },
  };
}

const NOTHING = { inputs: [], findings: [] };

/** Undefined: a file cannot be read, which the pass tells; what was found before stands. */
async function observe(
  version: ContainerdVersion,
  { ports, configFile, certsD, inspectCertificates }: WatchNodeOptions,
): Promise<NodeView | undefined> {
  try {
    return await observeNodeView(ports, { version, configFile, certsD, inspectCertificates });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return undefined;
  }
}

/** All that checks decide on, as parts that compare: the same parts in the same order, nothing has changed. */
function inputsOf({ version, sources, roots, nowMs }: NodeView): readonly unknown[] {
  return [
    version.text,
    Math.floor(nowMs / DATES_MS),
    ...sources.flatMap(({ path, text }) => [path, text]),
    ...roots.flatMap(({ tree, standing, tooDeep = [] }) => [
      standing,
      ...[tree, ...tooDeep].flatMap(partsOf),
    ]),
  ];
}

function partsOf({
  root,
  exists,
  directories,
  linked = [],
  files,
  others,
}: ObservedTree): readonly unknown[] {
  const seen = others.map(({ path, reason }) => `${path} ${reason}`);
  // Files that have not changed are the very same objects.
  return [root, exists, ...directories, "linked", ...linked, "others", ...seen, ...files];
}

function isSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}

/** Once for each, when it turns up. */
function tellNew(
  findings: readonly Finding[],
  before: readonly Finding[],
  { log }: WatchNodeOptions["ports"],
): void {
  const identity = ({ code, where }: Finding) => `${code} ${formatPlace(where)}`;
  const known = new Set(before.map(identity));
  for (const finding of findings.filter((one) => !known.has(identity(one)) && one.severity !== "info")) {
    const { code, where, fact, consequence, fix } = finding;
    const fields = { code, where: formatPlace(where), fix: redactSecrets(fix) };
    log.warn(fields, redactSecrets(`${fact}; ${consequence}`));
  }
}
