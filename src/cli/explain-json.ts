import { entryUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import type { Visit } from "../core/containerd/pull/pull-walk.ts";
import type { Resolution } from "../core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import type { Hop } from "../core/evidence/exchange.ts";
import type { LastPull } from "../core/evidence/last-pull.ts";
import { printable } from "../core/evidence/printable.ts";
import type { HostSummary, WalkSummary } from "../core/evidence/sum-up-walk.ts";

/** What the network and the agent said; undefined where they were not asked. */
export interface Asked {
  readonly summary?: WalkSummary | undefined;
  readonly lastPull?: LastPull | undefined;
}

/** The document of `explain --json`, without its `schema`. */
export function explanationToJson(
  resolution: Resolution,
  notes: readonly string[],
  { summary, lastPull }: Asked,
): object {
  const { reference, namespace, directory, file, hosts, outcome } = resolution;
  return {
    reference: reference.normalized,
    namespace,
    directory: directory ?? null,
    file: file ?? null,
    hosts: hosts.map((host, index) => hostToJson(host, summary?.hosts[index])),
    outcome,
    notes,
    ...(summary && { foreseen: { from: summary.from, message: summary.message } }),
    ...(lastPull && { served: lastPullToJson(lastPull) }),
  };
}

function hostToJson(host: ResolvedHost, asked: HostSummary | undefined): object {
  const { entry, role, resolve, manifest, blob, skipped } = host;
  return {
    url: entryUrl(entry),
    role,
    capabilities: entry.capabilities,
    resolve,
    manifest,
    blob,
    ...(skipped !== undefined && { skipped }),
    ...(asked && { probe: probeToJson(asked) }),
  };
}

function probeToJson({ does, isReached, trouble, visits }: HostSummary): object {
  return { does, reached: isReached, ...trouble, requests: visits.map(visitToJson) };
}

function visitToJson({ request, reply, judgement }: Visit): object {
  const { stage, method, url } = request;
  const asked = { stage, method, url, does: judgement.move, code: judgement.code };
  if (reply === undefined) return { ...asked, asked: false };
  const { hops, tokens, tries } = reply.exchange;
  return {
    ...asked,
    asked: true,
    ...(reply.kind === "answer" && {
      status: reply.status,
      mediaType: printable(reply.mediaType),
      digest: printable(reply.body?.digest ?? reply.digestHeader, 200),
      ...(reply.body && { bytes: reply.body.bytes.length }),
    }),
    tries,
    hops: hops.map(hopToJson),
    ...(tokens.length > 0 && { tokens: tokens.map(hopToJson) }),
  };
}

function hopToJson({
  durationsMs,
  tlsNotAfterMs,
  tlsNotBeforeMs: _start,
  clockAheadMs: _clock,
  ...hop
}: Hop): object {
  const durations = Object.entries(durationsMs).map(([phase, ms]) => [phase, Math.round(ms * 1000) / 1000]);
  return {
    ...hop,
    url: printable(hop.url, 2000),
    durationsMs: Object.fromEntries(durations),
    ...(tlsNotAfterMs !== undefined && { tlsNotAfter: new Date(tlsNotAfterMs).toISOString() }),
  };
}

function lastPullToJson({ atMs, ...pull }: LastPull): object {
  return { ...(atMs !== undefined && { at: new Date(atMs).toISOString() }), ...pull };
}
