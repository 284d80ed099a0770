import type { CertificateInspection, InspectCertificates } from "../../core/certificates.ts";
import type { ContainerdVersion } from "../../core/containerd/version.ts";
import { diagnoseGradually } from "../../core/doctor/diagnose.ts";
import { type Finding, formatPlace } from "../../core/doctor/finding.ts";
import type { NodeView } from "../../core/doctor/node-view.ts";
import { redactSecrets } from "../../core/redact-secrets.ts";
import { type Containerd, type Files, HostError, type Ports } from "../ports.ts";
import { inTurns } from "../take-turns.ts";
import { type ObserveNodeOptions, observeNodeView } from "./observe-node-view.ts";
import { type RecordedReads, recordReads } from "./record-reads.ts";

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
  let known: Known | undefined;
  let looking: Promise<void> | undefined;
  let isStale = false;
  let isStopped = false;

  async function look(): Promise<void> {
    const version = await containerd.version();
    if (version === undefined || isStopped) return;
    const basis = `${version.text} ${Math.floor(ports.clock.now() / DATES_MS)}`;
    if (known?.basis === basis && (await known.reads.isUnchanged())) return;
    const reads = recordReads(ports.files);
    const view = await observe(version, reads.files, options);
    if (view === undefined) return;
    const findings = await inTurns(diagnoseGradually(view), ports.clock);
    const before = known?.findings ?? [];
    known = { basis, reads, findings };
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

/** What was found, and in what. */
interface Known {
  /** Release and time, as far as findings depend on them. */
  readonly basis: string;
  readonly reads: RecordedReads;
  readonly findings: readonly Finding[];
}

/** Undefined: a file cannot be read, which the pass tells; what was found before stands. */
async function observe(
  version: ContainerdVersion,
  files: Files,
  { ports: { clock }, configFile, certsD, inspectCertificates }: WatchNodeOptions,
): Promise<NodeView | undefined> {
  const inspect = rememberInspections(inspectCertificates);
  try {
    return await observeNodeView(
      { files, clock },
      { version, configFile, certsD, inspectCertificates: inspect },
    );
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return undefined;
  }
}

/** For one look: every registry has files of its own, and most of them are the same. */
function rememberInspections(inspect: InspectCertificates): InspectCertificates {
  const known = new Map<string, CertificateInspection>();
  return (pem, keyPem) => {
    if (keyPem !== undefined) return inspect(pem, keyPem);
    const found = known.get(pem) ?? inspect(pem);
    known.set(pem, found);
    return found;
  };
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
