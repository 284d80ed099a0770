import type { Finding, FindingCode, Severity } from "../../finding.ts";
import { listSome } from "../../list-some.ts";

/** Something wrong with a host, found while one registry was asked about. */
export interface HostTrouble {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** Without a query. Of the host where it is about all that it serves, else of the request. */
  readonly url: string;
  /** `resolve at mirror 1 of 2`. */
  readonly hop: string;
  readonly namespace: string;
  readonly fact: string;
  readonly consequence: string;
  readonly fix: string;
}

const SHOWN = 4;

/** One finding for each trouble, however many registries it was found with. */
export function mergeTroubles(troubles: readonly HostTrouble[]): readonly Finding[] {
  const groups = new Map<string, HostTrouble[]>();
  for (const trouble of troubles) {
    const key = [trouble.code, trouble.url, trouble.fact].join("\n");
    groups.set(key, [...(groups.get(key) ?? []), trouble]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = [...group].sort(
      (one, other) => Number(other.severity === "error") - Number(one.severity === "error"),
    );
    return first === undefined ? [] : [toFinding(first, group)];
  });
}

function toFinding(trouble: HostTrouble, group: readonly HostTrouble[]): Finding {
  const { code, severity, url, hop, fact, consequence, fix } = trouble;
  const namespaces = [...new Set(group.map(({ namespace }) => namespace))];
  return {
    code,
    severity,
    where: { kind: "url", url, hop },
    fact,
    consequence: `pulls of ${listNames(namespaces)}: ${consequence}`,
    fix,
  };
}

function listNames(namespaces: readonly string[]): string {
  const names = namespaces.map((one) => (one === "*" ? "every other registry" : one));
  return listSome(names, SHOWN);
}
