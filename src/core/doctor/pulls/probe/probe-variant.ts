import { entryUrl, type HostEntry } from "../../../containerd/hosts-toml/host-entry.ts";
import type { ImageReference } from "../../../containerd/image-reference.ts";
import type { AnswerCode } from "../../../containerd/pull/judgement.ts";
import type { ResolvedHost } from "../../../containerd/resolved-host.ts";
import type { ProbeAnswer } from "../../../evidence/probe-answer.ts";
import type { FailureCode } from "../../../evidence/registry-failure.ts";
import type { FindingCode } from "../../finding.ts";
import type { HostTrouble } from "./host-trouble.ts";

/** Another way to ask a host that did not serve, which shows why it does not. */
export interface ProbeVariant {
  readonly kind: "other-path" | "no-ns" | "https";
  readonly entry: HostEntry;
  readonly image: ImageReference;
}

/** Ways that are worth a question after that answer; the likeliest first. */
export function listVariants(
  code: AnswerCode,
  { entry, role }: ResolvedHost,
  image: ImageReference,
): readonly ProbeVariant[] {
  if (role !== "mirror") return [];
  const paths = code === "not-found" ? otherPaths(entry.path) : [];
  const mayBeTls = entry.scheme === "http" && MAY_BE_TLS.includes(code);
  return [
    ...paths.map((path) => ({ kind: "other-path", entry: { ...entry, path }, image }) as const),
    // No ns= is sent to a host that the image itself names.
    ...(MAY_BE_NS.includes(code)
      ? [{ kind: "no-ns", entry, image: { ...image, namespace: entry.host } } as const]
      : []),
    ...(mayBeTls
      ? [{ kind: "https", entry: { ...entry, scheme: "https", httpsFirst: false }, image } as const]
      : []),
  ];
}

const MAY_BE_TLS: readonly AnswerCode[] = ["closed", "not-http", "other-status", "unauthorized", "forbidden"];
const MAY_BE_NS: readonly AnswerCode[] = ["not-found", "other-status", "forbidden", "unauthorized"];

/** What `override_path` makes of a path, the other way round; then `/v2` in front, as most mirrors want it. */
function otherPaths(path: string): readonly string[] {
  const bare = path.replace(/\/v2$/, "").replace(/^\/v2(?=\/)/, "");
  if (bare === "" || bare === "/v2") return path === "" ? ["/v2"] : [];
  return [`/v2${bare}`, `${bare}/v2`].filter((other) => other !== path);
}

/** What the answer shows of the cause; undefined: it was not that. */
export function judgeVariant(
  { kind, entry }: ProbeVariant,
  { failure }: ProbeAnswer,
  { entry: asked }: Pick<ResolvedHost, "entry">,
): Pick<HostTrouble, "code" | "fact" | "fix"> | undefined {
  const { host } = entry;
  if (kind === "https") {
    if (failure !== undefined && !isOverTls(failure.code)) return undefined;
    return {
      code: "host-speaks-https" satisfies FindingCode,
      fact: `${host}: it speaks https on this port, and hosts.toml asks it in plain http`,
      fix: `write [host."https://${host}${asked.path === "/v2" ? "" : asked.path}"] in its place`,
    };
  }
  if (failure !== undefined) return undefined;
  if (kind === "no-ns")
    return {
      code: "ns-refused",
      fact: `${host} answers the same request without ?ns=, and refuses it with the ns= that containerd adds`,
      fix: "upgrade the mirror, or strip the parameter ns in front of it",
    };
  return {
    code: "other-path-answers",
    fact: `${host} has the image under ${entryUrl(entry)}/…, and is asked under ${entryUrl(asked)}/…`,
    fix: `write [host.${JSON.stringify(entryUrl(entry))}] with override_path = true in hosts.toml, in place of ${JSON.stringify(asked.written)}`,
  };
}

/** A handshake has come so far that it must be TLS, or there was an answer behind it. */
function isOverTls(code: AnswerCode): boolean {
  return !NOT_TLS.includes(code as FailureCode);
}

const NOT_TLS: readonly FailureCode[] = [
  "speaks-http",
  "tls-closed",
  "tls-timeout",
  "tls-failed",
  "closed",
  "refused",
  "no-route",
  "connect-timeout",
  "connect-reset",
  "connect-failed",
  "proxy-refuses",
  "no-such-host",
  "no-name-server",
  "lookup-failed",
  "time-over",
  "no-answer",
  "socks-proxy",
  "unusable-url",
  "bad-header",
  "link-local",
  "loopback",
  "tls-file",
];
