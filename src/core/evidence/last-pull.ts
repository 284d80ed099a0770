import { PULL_PATHS, type PullPath } from "./pull.ts";

/** The last pull that the agent knows of, and how closely it belongs to an image. Plain data without secrets. */
export interface LastPull {
  /** repository: a pull of this very repository · registry: of any image of its host namespace. */
  readonly about: "repository" | "registry";
  /** ms since the epoch; undefined: not known. */
  readonly atMs?: number;
  readonly path: PullPath;
  /** host:port that sent the content, or that it went to. */
  readonly host?: string;
  /** What proves it. */
  readonly evidence?: string;
  /** Why it was not the mirror; "" where there is nothing to say. */
  readonly reason: string;
}

/**
 * Finds it in the agent's `/status.json`. The document is taken as it comes: it may be of another version, and what
 * does not look as expected does not count. The newest pull or fallback of the repository, else the verdict on its
 * host namespace.
 */
export function readLastPull(
  document: unknown,
  { namespace, repository }: { readonly namespace: string; readonly repository: string },
): LastPull | undefined {
  const evidence = field(document, "evidence");
  const isOurs = (one: unknown): boolean =>
    field(one, "registry") === namespace && field(one, "repository") === repository;
  const pulls = list(document, "recentPulls").filter(isOurs).flatMap(readPull);
  const fallbacks = list(evidence, "recentFallbacks").filter(isOurs).flatMap(readFallback);
  const newest = [...pulls, ...fallbacks].sort((one, other) => (other.atMs ?? 0) - (one.atMs ?? 0))[0];
  if (newest !== undefined) return { ...upstreamOf(newest, fallbacks), ...newest };
  const registries = list(evidence, "registries");
  const named = (name: string) => registries.find((one) => field(one, "namespace") === name);
  return readVerdict(field(named(namespace) ?? named("*"), "verdict"));
}

/** Without traces a pull does not name who served it. What the mirrors did not serve went where its fallbacks did. */
function upstreamOf({ path }: LastPull, fallbacks: readonly LastPull[]): Pick<LastPull, "host"> {
  if (path !== "upstream" && path !== "mixed") return {};
  return optional("host", fallbacks.find(({ host }) => host !== undefined)?.host);
}

function readPull(pull: unknown): readonly LastPull[] {
  const path = PULL_PATHS.find((each) => each === field(pull, "path"));
  if (path === undefined) return [];
  const host = list(pull, "hosts").findLast((one) => (number(field(one, "served")) ?? 0) > 0);
  return [
    {
      about: "repository",
      path,
      reason: text(field(pull, "reason")) ?? "",
      ...optional("atMs", number(field(pull, "endedMs"))),
      ...optional("host", text(field(host, "host"))),
      ...optional("evidence", text(field(pull, "source"))),
    },
  ];
}

function readFallback(fallback: unknown): readonly LastPull[] {
  const host = text(field(fallback, "wentTo"));
  if (host === undefined) return [];
  return [
    {
      about: "repository",
      path: host === "nowhere" ? "failed" : "upstream",
      reason: text(field(fallback, "reason")) ?? "",
      ...(host === "nowhere" ? {} : { host }),
      ...optional("atMs", number(field(fallback, "atMs"))),
      ...optional("evidence", text(field(fallback, "source"))),
    },
  ];
}

const PATHS: Readonly<Record<string, PullPath>> = {
  mirrored: "mirror",
  mixed: "mixed",
  bypassed: "upstream",
  failing: "failed",
};

function readVerdict(verdict: unknown): LastPull | undefined {
  const name = text(field(verdict, "name"));
  const path = name !== undefined && Object.hasOwn(PATHS, name) ? PATHS[name] : undefined;
  if (path === undefined) return undefined;
  return {
    about: "registry",
    path,
    reason: path === "mirror" ? "" : (text(field(verdict, "message")) ?? ""),
    ...optional("atMs", number(field(verdict, "lastMs"))),
    ...optional("evidence", text(field(verdict, "source"))),
  };
}

function optional<K extends string, T>(key: K, value: T | undefined): { [_ in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [_ in K]?: T };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
