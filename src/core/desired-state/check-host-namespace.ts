import { parseHostPort } from "./host-port.ts";
import type { IssueLog } from "./issue-log.ts";
import type { PlacedText } from "./map-reader.ts";
import { quote } from "./text.ts";

/** True for a host namespace that containerd can look up: `gcr.io`, `127.0.0.1:5000`, `*`. Else an issue says why. */
export function checkHostNamespace({ text, at }: PlacedText, log: IssueLog): boolean {
  if (text === "*") return true;
  if (text === "_default") {
    log.error(
      "host-invalid",
      at,
      "_default is the name of containerd's directory, not of a registry",
      'write "*"',
    );
    return false;
  }
  const hub = DOCKER_HUB_ALIASES.has(text.toLowerCase().replace(/^https?:\/\//, ""));
  if (hub) {
    log.error(
      "host-alias",
      at,
      `images of Docker Hub are named docker.io/…, so ${quote(text)} would match none of them`,
      "write docker.io",
    );
    return false;
  }
  const problem = findProblem(text);
  if (problem === undefined) return true;
  log.error(
    "host-invalid",
    at,
    `${quote(text)} is not the host of an image name: ${problem.reason}`,
    problem.fix,
  );
  return false;
}

const DOCKER_HUB_ALIASES = new Set([
  "index.docker.io",
  "registry-1.docker.io",
  "registry.hub.docker.com",
  "hub.docker.com",
  "docker.com",
]);

function findProblem(text: string): { reason: string; fix: string } | undefined {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined)
    return { reason: "it has a scheme", fix: fixWith(text.slice(scheme.length).split("/")[0] ?? "") };
  if (text.includes("/")) {
    const reason = "it has a path, and containerd configures whole registries only";
    return { reason, fix: fixWith(text.split("/")[0] ?? "") };
  }
  if (text.includes("*"))
    return {
      reason: "containerd knows no patterns",
      fix: 'name each host, or write "*" alone for all others',
    };
  const host = parseHostPort(text);
  if (!host.ok)
    return {
      reason: host.reason,
      fix:
        host.suggestion === undefined
          ? "write a host such as gcr.io or 10.0.0.5:5000"
          : `write ${host.suggestion}`,
    };
  if (!/[.:]/.test(text) && text !== "localhost")
    return {
      reason: `without a dot or a port, ${quote(text)} in an image name is a repository of docker.io`,
      fix: "write the host with its domain or port",
    };
  return undefined;
}

function fixWith(host: string): string {
  return parseHostPort(host).ok ? `write ${host}` : "write a host such as gcr.io or 10.0.0.5:5000";
}
