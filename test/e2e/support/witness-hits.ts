import type { RecordedRequest } from "../../support/recorded-request.ts";
import type { LabAgent } from "./lab-agent.ts";

/** What reached the agent's witness since `from` hits ago, `METHOD kind registry/repository object`. */
export function witnessHits(agent: LabAgent, from = 0): readonly string[] {
  return agent
    .log()
    .split("\n")
    .filter((line) => line.includes("no mirror has served this"))
    .slice(from)
    .map((line) => {
      const hit = JSON.parse(line) as Record<string, string>;
      return `${hit["method"]} ${hit["kind"]} ${hit["registry"]}/${hit["repository"]} ${hit["object"]}`;
    });
}

/** A registry's own record in the same words. */
export function asHits(requests: readonly RecordedRequest[]): readonly string[] {
  return requests.map(({ method, path, headers }) => {
    const [, repository, kind, object] = /^\/v2\/(.+)\/(manifest|blob)s\/([^/]+)$/.exec(path) ?? [];
    return `${method} ${kind} ${headers["host"]}/${repository} ${object}`;
  });
}
