import type { WatchedRegistry } from "./evidence-report.ts";
import type { LogFinding } from "./log-finding.ts";
import type { LogLine } from "./parse-log-line.ts";
import { parseRegistryUrl } from "./registry-url.ts";
import { hostsFor } from "./watched-hosts.ts";

/** An answer that another host than a mirror gave, with the part of the image that was asked for. */
export function readResponse(
  { fields }: LogLine,
  atMs: number,
  registries: readonly WatchedRegistry[],
): LogFinding | undefined {
  const url = parseRegistryUrl(fields["url"] ?? "");
  const status = Number.parseInt(fields["response.status"] ?? "", 10);
  if (url === undefined || !isServed(status)) return undefined;
  const hosts = hostsFor(url.registry, registries);
  if (hosts === undefined || hosts.mirrors.includes(url.host)) return undefined;
  const { registry, repository, kind, object } = url;
  const reason = `${url.host} served it, no mirror did`;
  const fallback = {
    atMs,
    registry,
    repository,
    object,
    kind,
    source: "log",
    wentTo: url.host,
    reason,
  } as const;
  return { kind: "fallback", fallback };
}

/** What is not served is either tried again with a token, or shows up as a failed pull. */
function isServed(status: number): boolean {
  return status >= 200 && status < 300;
}
