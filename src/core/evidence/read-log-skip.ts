import type { LogLine } from "../containerd/parse-log-line.ts";
import { cleanText, shortObject } from "./clean-text.ts";
import type { LoggedFallback, WatchedRegistry } from "./evidence-report.ts";
import type { LogFinding } from "./log-finding.ts";
import type { OpenPull } from "./open-pulls.ts";
import { findRegistryUrl } from "./read-log-response.ts";
import { hostsFor, type WatchedHosts } from "./watched-hosts.ts";

/**
 * A host that did not resolve an image. It is a fallback when it was the last mirror of its registry: the hosts before
 * it have had their turn, and what follows is the upstream. Which image it was the line tells only by chance.
 */
export function readSkip(
  { message, fields }: LogLine,
  atMs: number,
  registries: readonly WatchedRegistry[],
  open: readonly OpenPull[],
): LogFinding | undefined {
  const host = fields["host"];
  if (host === undefined) return undefined;
  const error = fields["error"];
  const asked = findUrl(error) ?? findOnly(host, registries, open);
  if (asked === undefined) return isLastOfAny(host, registries) ? { kind: "unattributed" } : undefined;
  const hosts = hostsFor(asked.registry, registries);
  if (hosts === undefined || !isLast(host, hosts)) return undefined;
  const words = error === undefined ? statusIn(message) : cleanText(error);
  const fallback: LoggedFallback = {
    atMs,
    registry: asked.registry,
    repository: withoutPrefix(asked.repository, hosts.paths.get(host) ?? ""),
    object: shortObject(asked.object),
    kind: "manifest",
    method: "HEAD",
    source: "log",
    wentTo: hosts.upstream,
    reason: `${host}: ${words}`,
  };
  return { kind: "fallback", fallback };
}

interface Asked {
  readonly registry: string;
  readonly repository: string;
  readonly object: string;
}

// `failed to do request: Head "http://mirror:5000/v2/team/app/manifests/1?ns=gcr.io": dial tcp …`
function findUrl(error: string | undefined): Asked | undefined {
  const asked = error === undefined ? undefined : findRegistryUrl(error);
  // Without ns= it is the registry's own, or a token service's.
  return asked === undefined || asked.registry === asked.host ? undefined : asked;
}

/** `team/app` of `cache/team/app`, at a mirror below `/v2/cache`. */
function withoutPrefix(repository: string, path: string): string {
  const prefix = `${path.replace(/^\/v2\//, "")}/`;
  return path !== "" && repository.startsWith(prefix) ? repository.slice(prefix.length) : repository;
}

/** The pull that asks this host, if there is only one; what those that ask it have in common, if there are more. */
function findOnly(
  host: string,
  registries: readonly WatchedRegistry[],
  open: readonly OpenPull[],
): Asked | undefined {
  const asking = open
    .map(({ reference }) => reference)
    .filter(({ namespace }) => hostsFor(namespace, registries)?.mirrors.includes(host) === true);
  const [first] = asking;
  if (first === undefined || asking.some(({ namespace }) => namespace !== first.namespace)) return undefined;
  const isOne = asking.every(({ normalized }) => normalized === first.normalized);
  const { target } = first;
  return {
    registry: first.namespace,
    repository: isOne ? first.repository : "",
    object: isOne ? (target.kind === "tag" ? target.tag : target.digest) : "",
  };
}

/** A host that stands there twice, with two paths, is the last one at its second turn: which one this is, is unknown. */
function isLast(host: string, { mirrors }: WatchedHosts): boolean {
  return mirrors.indexOf(host) === mirrors.length - 1;
}

function isLastOfAny(host: string, registries: readonly WatchedRegistry[]): boolean {
  return registries.some(({ namespace }) => {
    const hosts = hostsFor(namespace, registries);
    return hosts !== undefined && isLast(host, hosts);
  });
}

/** `404 Not Found` of `trying next host after status: 404 Not Found`, or of 1.x's own words for it. */
function statusIn(message: string): string {
  if (message.endsWith("http.StatusNotFound")) return "404 Not Found";
  return /after status: (.{3,60})$/.exec(message)?.[1] ?? "did not answer";
}
