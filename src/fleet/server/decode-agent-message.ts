import type { Bundle } from "../../core/fleet/bundle.ts";
import { FLEET_LIMITS } from "../../core/fleet/fleet-limits.ts";
import type { NodeError, NodeSource, Refused, Unwell } from "../../core/fleet/node-status.ts";
import { isRefusal, type Phase } from "../../core/fleet/phase.ts";
import type { NodeReport, NodeView, Versions } from "../../core/fleet/update-status.ts";
import { shorten } from "../../core/shorten.ts";
import type { AgentMessage__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import type { Error__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/Error.ts";
import type { Hello__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/Hello.ts";
import type { Phase__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/Phase.ts";
import type { Report__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/Report.ts";
import type { Source__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/Source.ts";
import type { State__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/State.ts";

/** What a node has said, in the fleet's own words. Whatever bytes it was made of: texts are bounded and printable. */
export type AgentWord =
  | { readonly kind: "hello"; readonly hello: NodeHello }
  | { readonly kind: "report"; readonly seq: number; readonly report: NodeReport }
  | { readonly kind: "heartbeat" }
  /** Not understood: a later version's, or nonsense. */
  | { readonly kind: "unknown"; readonly seq: number };

export interface NodeHello {
  readonly protocol: number;
  readonly node: string;
  /** Hexadecimal; empty where it is none. */
  readonly instance: string;
  readonly versions: Versions;
  readonly view: NodeView;
  /** Digests whose envelopes the node has. */
  readonly cached: ReadonlySet<string>;
}

const MOST_CACHED = 64;
const MOST_ITEMS = 256;
const LONGEST_NAME = 255;

/** Total: never throws, and what it returns is small however large the message was. */
export function decodeAgentMessage({ message, seq, hello, report }: AgentMessage__Output): AgentWord {
  const number = Number.isSafeInteger(seq) ? seq : 0;
  if (message === "hello" && hello) return { kind: "hello", hello: decodeHello(hello) };
  if (message === "report" && report) return { kind: "report", seq: number, report: decodeReport(report) };
  if (message === "heartbeat") return { kind: "heartbeat" };
  return { kind: "unknown", seq: number };
}

export function decodeHello(hello: Hello__Output): NodeHello {
  const { instance, cached } = hello;
  const digests = cached.slice(0, MOST_CACHED).map(readDigest);
  return {
    protocol: hello.protocol,
    node: clip(hello.nodeId, LONGEST_NAME),
    instance: instance.length <= 32 ? hex(instance) : "",
    versions: {
      agent: clip(hello.agentVersion, FLEET_LIMITS.version),
      containerd: clip(hello.containerdVersion, FLEET_LIMITS.version),
    },
    view: decodeView(hello.state, false),
    cached: new Set(digests.filter((digest) => digest !== undefined)),
  };
}

function decodeReport({ assignmentId, phase, state, error, items }: Report__Output): NodeReport {
  const known = PHASES[phase];
  // Without a phase it is news of the node alone.
  const answers = known !== undefined;
  return {
    assignmentId: answers ? clip(assignmentId, FLEET_LIMITS.message) : "",
    phase: known ?? "received",
    view: decodeView(state, known === "drifted"),
    ...decodeError(error, known),
    unproven: known !== undefined && NEEDS_EVIDENCE.has(known) ? listUnproven(items) : [],
  };
}

/** What was in force there when it was said; the registries that changed are its items. */
const NEEDS_EVIDENCE: ReadonlySet<Phase> = new Set(["applied", "observed", "soaked"]);

function listUnproven(items: Report__Output["items"]): readonly string[] {
  const without = items.slice(0, MOST_ITEMS).filter(({ evidence }) => evidence === "");
  return without.map(({ namespace }) => clip(namespace, LONGEST_NAME)).filter((name) => name !== "");
}

function decodeView(state: State__Output | null, isDrifted: boolean): NodeView {
  if (state === null) return { source: "none", refused: [], isDrifted };
  const running = readBundle(state.runningDigest, state.runningSerial);
  const unwell = worstOf(state.registries.slice(0, MOST_ITEMS));
  const isContested = state.conditions.slice(0, MOST_ITEMS).some(({ type }) => type === "Contested");
  return {
    ...(running && { running }),
    source: SOURCES[state.source] ?? "none",
    refused: state.rejections.slice(-FLEET_LIMITS.refusals).flatMap(decodeRejection),
    ...(unwell && { unwell }),
    isDrifted: isDrifted || isContested,
    ...(state.containerdVersion !== "" && {
      containerd: clip(state.containerdVersion, FLEET_LIMITS.version),
    }),
    ...readEvidence(state),
  };
}

/** Both times are of the node's clock. */
function readEvidence({ registries, runningSinceMs }: State__Output): Pick<NodeView, "evidence"> {
  const told = registries.slice(0, MOST_ITEMS);
  if (told.length === 0) return {};
  const [proven, open]: [string[], string[]] = [[], []];
  for (const { namespace, verdict, lastPullMs } of told) {
    const isProven = verdict === "mirrored" && lastPullMs >= runningSinceMs;
    (isProven ? proven : open).push(clip(namespace, LONGEST_NAME));
  }
  return { evidence: { proven, open } };
}

function decodeRejection({ digest, assignmentId }: State__Output["rejections"][number]): readonly Refused[] {
  const read = readDigest(digest);
  return read === undefined ? [] : [{ digest: read, assignmentId: clip(assignmentId, FLEET_LIMITS.message) }];
}

function worstOf(registries: State__Output["registries"]): Unwell | undefined {
  for (const verdict of ["failing", "bypassed"] as const) {
    const found = registries.find((one) => one.verdict === verdict);
    if (found !== undefined) return { verdict, namespace: clip(found.namespace, FLEET_LIMITS.message) };
  }
  return undefined;
}

function decodeError(error: Error__Output | null, phase: Phase | undefined): { readonly error?: NodeError } {
  const code = clip(error?.code ?? "", FLEET_LIMITS.message);
  const message = clip(error?.message ?? "", FLEET_LIMITS.message);
  const item = clip(error?.item ?? "", FLEET_LIMITS.message);
  if (code === "" && message === "") return {};
  const fallback = isRefusal(phase) ? (phase ?? "") : "unnamed";
  return { error: { code: code || fallback, message, ...(item !== "" && { item }) } };
}

function readBundle(digest: Buffer, serial: number): Bundle | undefined {
  const read = readDigest(digest);
  return read === undefined || !Number.isSafeInteger(serial) || serial < 1
    ? undefined
    : { digest: read, serial };
}

function readDigest(bytes: Buffer): string | undefined {
  return bytes.length === 32 ? hex(bytes) : undefined;
}

function hex(bytes: Buffer): string {
  return bytes.toString("hex");
}

/** One line, at most so long, that can be written as UTF-8. */
function clip(text: string, length: number): string {
  return shorten(text, length).replace(/[\p{Cc}\p{Surrogate}]/gu, " ");
}

const PHASES: Readonly<Record<string, Phase>> & { readonly [P in Phase__Output]?: Phase } = {
  PHASE_RECEIVED: "received",
  PHASE_VERIFIED: "verified",
  PHASE_REJECTED: "rejected",
  PHASE_HELD: "held",
  PHASE_APPLIED: "applied",
  PHASE_OBSERVED: "observed",
  PHASE_SOAKED: "soaked",
  PHASE_FAILED: "failed",
  PHASE_REVERTED: "reverted",
  PHASE_DRIFTED: "drifted",
  PHASE_PREFLIGHT_OK: "preflight-ok",
  PHASE_PREFLIGHT_FAILED: "preflight-failed",
};

const SOURCES: Readonly<Record<string, NodeSource>> & { readonly [S in Source__Output]?: NodeSource } = {
  SOURCE_FEED: "feed",
  SOURCE_FILE: "file",
  SOURCE_PINNED: "pinned",
};
