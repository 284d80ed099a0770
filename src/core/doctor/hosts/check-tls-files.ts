import { findBadTlsFile } from "../../containerd/check-tls-files.ts";
import { describeFate, nameNamespace } from "../fate.ts";
import type { Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { mendCa, mendClient } from "./mend-tls-file.ts";
import { inspectionOf, listTlsEntries, type TlsEntry } from "./tls-entries.ts";

/** Files that do not load: containerd loads those of all hosts before it asks any, so one is enough to fail a pull. */
export function checkTlsFiles(context: HostsContext): readonly Finding[] {
  return listTlsEntries(context).flatMap((tls) => [...checkCa(tls, context), ...checkClient(tls, context)]);
}

function checkCa({ entry, directory, where, name }: TlsEntry, { view }: HostsContext): readonly Finding[] {
  return (entry.ca ?? []).flatMap((path): readonly Finding[] => {
    const reason = findBadTlsFile([{ ...entry, ca: [path], client: [] }], view.tree);
    if (reason === undefined) return [];
    return [
      {
        code: "ca-file-unusable",
        severity: "error",
        where,
        fact: `ca of ${name}: ${reason}`,
        consequence: describeFate(directory.fate),
        fix: mendCa(path, directory, view.tree),
      },
    ];
  });
}

function checkClient({ entry, directory, where, name }: TlsEntry, context: HostsContext): readonly Finding[] {
  const { view } = context;
  const pairs = entry.client ?? [];
  const bad = pairs.flatMap((pair) => {
    const reason =
      findBadTlsFile([{ ...entry, ca: [], client: [pair] }], view.tree) ?? explainKey(pair, context);
    return reason === undefined ? [] : [{ pair, reason }];
  });
  const [first] = bad;
  if (first === undefined) return [];
  const isModelled = directory.resolution.outcome.kind === "pull-fails";
  return [
    {
      code: "client-file-unusable",
      severity: "error",
      where,
      fact: `client of ${name}: ${first.reason}`,
      consequence: isModelled
        ? describeFate(directory.fate)
        : `every pull of ${nameNamespace(directory.namespace)} fails: ${first.reason}`,
      fix: mendClient(first.pair, pairs, directory, view.tree),
    },
  ];
}

/** What only cryptography can tell, in Go's words. */
function explainKey([path, key]: readonly [string, string], { view }: HostsContext): string | undefined {
  const found = inspectionOf(view, path, key === "" ? path : key)?.inspection;
  if (found?.ok !== true) return undefined;
  switch (found.key) {
    case "mismatch":
      return "failed to load X509 key pair: tls: private key does not match public key";
    case "encrypted":
    case "unreadable":
      return "failed to load X509 key pair: tls: failed to parse private key";
    default:
      return undefined;
  }
}
