import { defaultHost } from "../../../containerd/default-upstream.ts";
import { type Resolution, resolveImage } from "../../../containerd/resolve-image.ts";
import type { ResolvedHost } from "../../../containerd/resolved-host.ts";
import type { ContainerdVersion } from "../../../containerd/version.ts";
import { parseRegistryUrl } from "../../../evidence/registry-url.ts";
import { hostOf } from "../../../evidence/watched-hosts.ts";
import type { FateView } from "../../fate.ts";
import type { PullError } from "./read-pull-error.ts";
import type { ErrorStage } from "./read-request-words.ts";

/** What is known of the node where the error was printed; nothing at all is fine. */
export interface ErrorContext {
  readonly version?: ContainerdVersion;
  /** Its configuration. */
  readonly view?: FateView;
}

/** The host that really failed, in its place in the pull. */
export interface ErrorHop {
  readonly stage: ErrorStage;
  /** host:port; undefined: the words do not name one, and it does not follow from them. */
  readonly host?: string;
  readonly role: "mirror" | "upstream" | "witness" | "unknown";
  /** Counted from 1, with the number of all hosts; undefined where the node's configuration does not have it. */
  readonly position?: { readonly index: number; readonly of: number };
  /** In the model of the node. */
  readonly resolved?: ResolvedHost;
  /** Whoever of these it was: where the words do not say more. */
  readonly candidates: readonly ResolvedHost[];
  /** Where the host led to and the request ended: a redirect's target, a token service. */
  readonly elsewhere?: string;
  /** host was not read but follows: from the order of trial, and from which error this release shows. */
  readonly isDeduced: boolean;
}

/** The resolution of the image with the node's own configuration. */
export function resolveFor({ image }: PullError, { view }: ErrorContext): Resolution | undefined {
  return view === undefined || image === undefined ? undefined : resolveImage({ reference: image, ...view });
}

export function placeError(
  error: PullError,
  resolution: Resolution | undefined,
  { version }: ErrorContext,
): ErrorHop {
  const { asked, image } = error;
  const hosts = (resolution?.hosts ?? []).filter(({ role }) => role !== "witness");
  const named = [asked.turn, asked.host].filter((host) => host !== undefined);
  const found = findHost(named, asked.url, resolution?.hosts ?? []);
  const { stage } = asked;
  if (found !== undefined) {
    const away = asked.host !== undefined && asked.host !== found.entry.host ? asked.host : undefined;
    return { ...describeHost(found, hosts), stage, ...(away && { elsewhere: away }), isDeduced: false };
  }
  if (asked.turn !== undefined) {
    const away = asked.host !== asked.turn && asked.host !== undefined ? { elsewhere: asked.host } : {};
    const role = image === undefined ? "unknown" : guessRole(asked.turn, undefined, image.namespace);
    return { stage, host: asked.turn, role, candidates: [], ...away, isDeduced: false };
  }
  const isRegistry = asked.url === undefined || parseRegistryUrl(asked.url) !== undefined;
  if (stage !== "token" && isRegistry && named[0] !== undefined) {
    const role = guessRole(named[0], asked.url, image?.namespace);
    return { stage, host: named[0], role, candidates: [], isDeduced: false };
  }
  const elsewhere = asked.host === undefined ? {} : { elsewhere: asked.host };
  const candidates = listCandidates(error, hosts);
  const [first] = candidates;
  if (first !== undefined && (candidates.length === 1 || isFirstByRule(error, error.era ?? version?.major)))
    return { ...describeHost(first, hosts), stage, ...elsewhere, isDeduced: true };
  return { stage, role: "unknown", candidates, ...elsewhere, isDeduced: false };
}

function describeHost(host: ResolvedHost, all: readonly ResolvedHost[]) {
  const index = all.indexOf(host);
  return {
    host: host.entry.host,
    role: host.role,
    resolved: host,
    candidates: [host],
    ...(index < 0 ? {} : { position: { index: index + 1, of: all.length } }),
  };
}

/** One host may stand there with several paths: the longest that fits the URL. */
function findHost(
  named: readonly string[],
  url: string | undefined,
  hosts: readonly ResolvedHost[],
): ResolvedHost | undefined {
  for (const name of named) {
    const same = hosts.filter(({ entry }) => entry.host === name);
    const path = url === undefined || hostOf(url) !== name ? "" : url.replace(/^[a-z]+:\/\/[^/]*/, "");
    const fitting = same
      .filter(({ entry }) => path.startsWith(`${entry.path}/`))
      .sort((one, other) => other.entry.path.length - one.entry.path.length);
    const found = fitting[0] ?? same[0];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Without the node's configuration: only the registry itself is asked without ns=. */
function guessRole(host: string, url: string | undefined, namespace: string | undefined): ErrorHop["role"] {
  if (namespace !== undefined && (host === namespace || host === defaultHost(namespace))) return "upstream";
  if (url?.includes("ns=") === true) return "mirror";
  return namespace === undefined ? "unknown" : "mirror";
}

function listCandidates({ asked }: PullError, hosts: readonly ResolvedHost[]): readonly ResolvedHost[] {
  const resolves = asked.stage === "resolve" || asked.stage === "token";
  return resolves ? hosts.filter((host) => host.resolves) : hosts;
}

/**
 * Content is fetched from the first host on, and the first host's error is the one that is shown. 2.x shows a login or
 * a connection that fails only when no host gave any answer: the first one's.
 */
function isFirstByRule({ asked, code }: PullError, major: number | undefined): boolean {
  if (asked.stage === "blob" || asked.stage === "manifest") return !isContent(code);
  const isAnswer = code === "not-found" || code === "rate-limited";
  return major !== undefined && major >= 2 && !isAnswer && !isContent(code);
}

/** Bytes that are wrong came from whichever host served them. */
function isContent(code: PullError["code"]): boolean {
  return CONTENT.includes(code);
}

const CONTENT: readonly PullError["code"][] = [
  "web-page",
  "wrong-type",
  "wrong-bytes",
  "short-body",
  "cut-body",
  "bad-digest-header",
  "schema-1",
  "no-platform",
  "no-content",
  "manifest-too-large",
  "pull-cancelled",
];
