import type { LogLine } from "../containerd/parse-log-line.ts";
import { cleanText, shortObject } from "./clean-text.ts";
import type { WatchedRegistry } from "./evidence-report.ts";
import { isByDesign } from "./list-fallbacks.ts";
import type { LogFinding } from "./log-finding.ts";
import { parseRegistryUrl, type RegistryUrl } from "./registry-url.ts";
import { hostsFor } from "./watched-hosts.ts";

/** Reads what containerd writes about each request at level debug. */
export interface ResponseReader {
  /** An answer that another host than a mirror gave, with the part of the image that was asked for. */
  read(line: LogLine, atMs: number, registries: readonly WatchedRegistry[]): LogFinding | undefined;
  /** What a mirror answered, or why it did not: the reason of what follows. */
  remember(line: LogLine): void;
}

const MAX_REASONS = 256;

export function createResponseReader(): ResponseReader {
  const reasons = new Map<string, string>();
  const remember = (url: RegistryUrl, words: string): void => {
    reasons.delete(keyOf(url));
    reasons.set(keyOf(url), `${url.host}: ${words}`);
    const [oldest] = reasons.keys();
    if (reasons.size > MAX_REASONS && oldest !== undefined) reasons.delete(oldest);
  };
  return {
    read({ message, fields }, atMs, registries) {
      const url = parseRegistryUrl(fields["url"] ?? "");
      if (message !== "fetch response received" || url === undefined) return undefined;
      const hosts = hostsFor(url.registry, registries);
      const status = fields["response.status"] ?? "";
      if (hosts === undefined || hosts.mirrors.includes(url.host)) {
        if (!isServed(status)) remember(url, status.slice(0, 60));
        return undefined;
      }
      if (!isServed(status)) return undefined;
      // Lines of what is fetched tell its digest beforehand.
      const method = url.kind === "blob" || fields["digest"] !== undefined ? "GET" : "HEAD";
      if (isByDesign({ method, object: url.object }, hosts.watched)) return undefined;
      const { registry, repository, kind, host } = url;
      const object = shortObject(url.object);
      const reason = reasons.get(keyOf(url)) ?? "no mirror served it";
      reasons.delete(keyOf(url));
      const fallback = {
        atMs,
        registry,
        repository,
        object,
        kind,
        method,
        source: "log",
        wentTo: host,
        reason,
      } as const;
      return { kind: "fallback", fallback };
    },
    remember({ fields }) {
      const url = findRegistryUrl(fields["error"] ?? "");
      // The status of an answer says it shorter.
      if (url !== undefined && !reasons.has(keyOf(url))) remember(url, cleanText(fields["error"] ?? ""));
    },
  };
}

/** The URL of a registry in containerd's words, with or without quotes around it. */
export function findRegistryUrl(words: string): RegistryUrl | undefined {
  const url = /https?:\/\/[^\s"]+/.exec(words)?.[0];
  return url === undefined ? undefined : parseRegistryUrl(url.replace(/:$/, ""));
}

/** What is not served is either tried again with a token, or shows up as a failed pull. */
function isServed(status: string): boolean {
  return /^2\d\d\b/.test(status);
}

function keyOf({ registry, kind, object }: RegistryUrl): string {
  return `${registry} ${kind} ${object}`;
}
