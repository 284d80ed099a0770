import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { splitHostPort } from "../../containerd/loopback.ts";
import type { LegacyMirror } from "../../containerd/registry-config.ts";
import type { Resolution } from "../../containerd/resolve-image.ts";
import { describeFates } from "../describe-fates.ts";
import { describeFate, fateOf } from "../fate.ts";
import { atFile, type Finding, type Severity } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";

/** Endpoints of `registry.mirrors`: each is told once, however many namespaces have it. */
export function checkEndpoints(view: NodeView): readonly Finding[] {
  const told = new Set<string>();
  return view.config.mirrors.flatMap((mirror) => {
    const { byTag } = fateOf(mirror.namespace, view);
    if (byTag?.source !== "legacy-mirrors") return [];
    if (byTag.outcome.kind === "pull-fails" && byTag.hosts.length === 0)
      return [unparsable(mirror, byTag.outcome.reason, view)];
    return mirrorsOf(byTag).flatMap((entry) => {
      if (told.has(entry.written)) return [];
      told.add(entry.written);
      return checkEndpoint(entry, mirror, view);
    });
  });
}

function mirrorsOf({ hosts }: Resolution): readonly HostEntry[] {
  return hosts.filter(({ role }) => role === "mirror").map(({ entry }) => entry);
}

function unparsable(mirror: LegacyMirror, reason: string, view: NodeView): Finding {
  return {
    code: "legacy-endpoint",
    severity: "error",
    where: atFile(mirror.at),
    fact: `an endpoint of ${mirror.namespace} is no URL: ${reason}`,
    consequence: describeFate(fateOf(mirror.namespace, view)),
    fix: `write it as https://HOST or https://HOST:PORT and ${RESTART}`,
  };
}

interface Fault {
  readonly severity: Severity;
  readonly fact: string;
  readonly consequence: string;
  readonly fix: string;
}

function checkEndpoint(entry: HostEntry, { at }: LegacyMirror, view: NodeView): readonly Finding[] {
  const users = view.config.mirrors
    .filter(({ endpoints }) => endpoints.includes(entry.written))
    .map(({ namespace }) => namespace);
  const fault = findFault(entry, view);
  if (fault === undefined) return [];
  const { severity, fact, consequence, fix } = fault;
  return [
    {
      code: "legacy-endpoint",
      severity,
      where: atFile(at),
      fact: `endpoint ${JSON.stringify(withoutLogin(entry.written))} of ${listSome(users)}: ${fact}`,
      consequence: `${consequence}; ${describeFates(users, view)}`,
      fix: `${fix} and ${RESTART}`,
    },
  ];
}

function findFault({ written, scheme, host, path }: HostEntry, { config }: NodeView): Fault | undefined {
  if (host === "" || (scheme !== "http" && scheme !== "https"))
    return {
      severity: "error",
      fact: host === "" ? "there is no host in it" : `containerd cannot speak ${JSON.stringify(scheme)}`,
      consequence: "this endpoint never answers",
      fix: "write https:// or http:// and the host",
    };
  const base = `${scheme}://${host}`;
  if (path === "/")
    return {
      severity: "error",
      fact: "a path is used as it is written, and /v2 is put in only where there is none, not even a slash",
      consequence: `requests go to ${base}/REPOSITORY/manifests/…, where a registry has nothing`,
      fix: `write ${base}`,
    };
  if (!/(?:^|\/)v2(?:\/|$)/.test(path))
    return {
      severity: "warning",
      fact: "a path is used as it is written, without /v2 before or behind it",
      consequence: `requests go to ${base}${path}/REPOSITORY/manifests/…, where most registries have nothing`,
      fix: `write ${base}/v2${path}, or whatever path the mirror serves /v2 under`,
    };
  const { port } = splitHostPort(host);
  const isBare = !written.includes("://") && scheme === "https";
  const hasTls = config.configs.some((own) => own.host === host && own.tls !== undefined);
  if (isBare && !hasTls && ["80", "5000", "8080"].includes(port))
    return {
      severity: "warning",
      fact: `without a scheme it is asked over https, and port ${port} rarely speaks it`,
      consequence: "if it speaks http only, this endpoint never answers",
      fix: `write http://${written} or https://${written}`,
    };
  return undefined;
}

function withoutLogin(url: string): string {
  return url.replace(/^([^/]*\/\/)?[^/@]*@/, "$1");
}
