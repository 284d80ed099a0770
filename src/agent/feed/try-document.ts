import { type Mirror, mirrorUrl, type Registry } from "../../core/desired-state/desired-state.ts";
import { dryRun } from "../dry-run.ts";
import type { PassContext } from "../pass-context.ts";
import type { MirrorProbe, MirrorProber } from "../ports.ts";
import { type PreflightReport, preflight } from "../preflight.ts";
import type { FeedError, FeedItem } from "./feed-messages.ts";
import { clean } from "./judge-pass.ts";

/** How a document would do here; nothing is touched. */
export interface Tried {
  readonly ok: boolean;
  readonly error?: FeedError;
  readonly items: readonly FeedItem[];
}

const MOST_ITEMS = 256;

/**
 * Whether a document would do on this node, by the code that would put it in force, up to where that would touch
 * something: understood, its mirrors asked from here, planned, and no file of others in its way. It is stricter than the
 * pass in one thing: a registry none of whose mirrors answers is a failure, also where pulls could fall back.
 */
export async function tryDocument(context: PassContext): Promise<Tried> {
  const { config, signal } = context;
  const prober = askOnce(context.ports.prober);
  const wanted = await context.load();
  if (wanted.kind === "kept") return no("pinned", wanted.condition.message, [], true);
  if (wanted.kind === "none") return no(firstCode(wanted.issues) ?? "rejected", wanted.message);
  const answers = await preflight(wanted.state, config.preflight, prober, signal);
  const items = wanted.state.registries.slice(0, MOST_ITEMS).map((registry) => itemOf(registry, answers));
  const failed = items.find(({ phase }) => phase === "preflight-failed");
  if (failed?.error !== undefined) return { ok: false, error: failed.error, items };
  if (answers.rejections.length > 0)
    return no("mirror-unreachable", answers.rejections.join("; "), items, true);
  const ports = { ...context.ports, prober };
  const { conditions, issues } = await dryRun({ ...context, ports, load: async () => wanted });
  const bad = conditions.find(({ type }) => !FINE.includes(type));
  if (bad === undefined) return { ok: true, items };
  return no(firstCode(issues) ?? (bad.type === "Stalled" ? "conflict" : "not-possible"), bad.message, items);
}

/** A pending restart of a change before this one is no reason against it. */
const FINE: readonly string[] = ["Ready", "Expired", "Reconciling"];

function firstCode(
  issues: readonly { readonly code: string; readonly severity: string }[],
): string | undefined {
  return issues.find(({ severity }) => severity === "error")?.code;
}

function no(code: string, message: string, items: readonly FeedItem[] = [], retriable = false): Tried {
  const error: FeedError = { code, message: clean(message), ...(retriable && { retriable: true as const }) };
  return { ok: false, error, items };
}

function itemOf({ namespace, mirrors }: Registry, { probes }: PreflightReport): FeedItem {
  const answers = mirrors.map((mirror) => probes.find(({ url }) => url === mirrorUrl(mirror)));
  const good = answers.filter((answer) => answer?.ok === true).map((answer) => answer?.durationMs ?? 0);
  const bad = answers.find((answer) => answer?.ok === false);
  const isFailed = bad !== undefined && good.length === 0;
  return {
    namespace,
    phase: isFailed ? "preflight-failed" : "preflight-ok",
    ...(bad && { error: errorOf(bad, namespace) }),
    ...(good.length > 0 && { latencyMs: Math.min(...good) }),
  };
}

function errorOf({ url, failure }: MirrorProbe, item: string): FeedError {
  const message = clean(`${url} cannot serve pulls from this node: ${failure?.message ?? "no reason given"}`);
  return { code: `mirror-${failure?.phase ?? "unreachable"}`, message, item, retriable: true };
}

/** Mirrors are asked once for both looks. */
function askOnce(prober: MirrorProber): MirrorProber {
  const asked = new Map<string, Promise<MirrorProbe>>();
  return {
    probe(mirror: Mirror, signal) {
      const key = JSON.stringify(mirror);
      const answer = asked.get(key) ?? prober.probe(mirror, signal);
      asked.set(key, answer);
      return answer;
    },
  };
}
