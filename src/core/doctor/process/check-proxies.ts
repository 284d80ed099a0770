import { createProxySelector, type Environment, parseProxy } from "../../choose-proxy.ts";
import type { Finding } from "../finding.ts";
import type { AskedMirror } from "./list-mirrors.ts";
import type { ProcessView } from "./process-view.ts";
import { looksInside, showProxy, showProxyValue, unreadEntries } from "./proxy-facts.ts";

/** What the proxy variables of the running containerd, read as Go reads them, do to its mirrors. */
export function checkProxies(process: ProcessView, mirrors: readonly AskedMirror[]): readonly Finding[] {
  const { environment } = process;
  if (environment === undefined) return [];
  return [
    ...checkRoutes(process, environment, mirrors),
    ...checkValues(process, environment),
    ...checkCases(process, environment, mirrors),
  ];
}

function checkRoutes(
  process: ProcessView,
  environment: Environment,
  mirrors: readonly AskedMirror[],
): readonly Finding[] {
  const choose = createProxySelector(environment);
  const unread = unreadEntries(environment);
  const aside = unread.length === 0 ? "" : `; of NO_PROXY, ${unread.join(", ")} means nothing to Go`;
  return mirrors.flatMap(({ url, where, namespace }): readonly Finding[] => {
    const proxy = choose(url);
    if (proxy === undefined || !looksInside(url, proxy)) return [];
    return [
      {
        code: "mirror-through-proxy",
        severity: "warning",
        where,
        fact: `containerd (pid ${process.pid}) has a proxy for ${url.protocol.slice(0, -1)}, ${showProxy(proxy)}, and no NO_PROXY entry that fits ${url.host}${aside}`,
        consequence: `requests to ${url.origin} go to the proxy, from which a host of the inside is seldom reached: pulls of ${namespace === "*" ? "all other registries" : namespace} then fail there and go on to the next host`,
        fix: inUnit(process, `add ${url.hostname} to NO_PROXY`),
      },
    ];
  });
}

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY"] as const;

function checkValues(process: ProcessView, environment: Environment): readonly Finding[] {
  return PROXIES.flatMap((name) => [name, name.toLowerCase()]).flatMap((name): readonly Finding[] => {
    const value = environment[name] ?? "";
    if (value === "" || parseProxy(value) !== undefined) return [];
    return [
      {
        code: "proxy-ignored",
        severity: "warning",
        where: inProcess(process),
        fact: `${name} of containerd is set, and is no URL of a proxy`,
        consequence: "containerd goes without a proxy, and says nothing of it",
        fix: inUnit(process, `write ${name}=http://HOST:PORT`),
      },
    ];
  });
}

/** Of the two, Go takes the one in upper case; other programs, and whoever edits, may have meant the other. */
function checkCases(
  process: ProcessView,
  environment: Environment,
  mirrors: readonly AskedMirror[],
): readonly Finding[] {
  return [...PROXIES, "NO_PROXY"].flatMap((upper): readonly Finding[] => {
    const lower = upper.toLowerCase();
    const [first = "", second = ""] = [environment[upper], environment[lower]];
    if (first === "" || second === "" || isSame(upper, first, second)) return [];
    const { [upper]: _unused, ...rest } = environment;
    const [choose, other] = [createProxySelector(environment), createProxySelector(rest)];
    const moved = mirrors.find(({ url }) => choose(url)?.href !== other(url)?.href);
    const shown = upper === "NO_PROXY" ? "lists other hosts than" : `is ${showProxyValue(first)}, not the`;
    const value = upper === "NO_PROXY" ? "" : ` ${showProxyValue(second)} of`;
    const proxy = moved && choose(moved.url);
    return [
      {
        code: "proxy-variables-differ",
        severity: moved === undefined ? "info" : "warning",
        where: inProcess(process),
        fact: `${upper} ${shown}${value} ${lower}, and containerd takes ${upper}`,
        consequence:
          moved === undefined
            ? "no mirror is reached in another way by it; a registry may be"
            : `${moved.url.origin} is asked ${proxy === undefined ? "directly" : `through ${showProxy(proxy)}`}, which ${lower} alone would not do`,
        fix: inUnit(process, `set one of ${upper} and ${lower}, or both to the same`),
      },
    ];
  });
}

function isSame(name: string, one: string, other: string): boolean {
  if (name !== "NO_PROXY") return parseProxy(one)?.href === parseProxy(other)?.href;
  const entries = (text: string) =>
    text
      .split(",")
      .map((entry) => entry.trim().toLowerCase())
      .sort()
      .join();
  return entries(one) === entries(other);
}

function inProcess({ pid }: ProcessView) {
  return { kind: "process", pid, what: "environment" } as const;
}

/** An edit of the environment is in force after a restart. */
export function inUnit({ unit, restart }: ProcessView, edit: string): string {
  const place =
    unit === undefined ? "in the environment containerd is started with" : `with systemctl edit ${unit.name}`;
  return `${edit} ${place}, then ${restart}`;
}
