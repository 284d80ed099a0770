import type { Place } from "../issue.ts";
import type { IssueLog } from "./issue-log.ts";
import { MapReader } from "./map-reader.ts";
import { parseCluster, parseClusterHeader } from "./parse-cluster.ts";
import { MIRROR_SET_KINDS, parseImageMirrorSet } from "./parse-image-mirror-sets.ts";
import { parseK3s } from "./parse-k3s.ts";
import { parseNative } from "./parse-native.ts";
import { parseSecret } from "./parse-secret.ts";
import type { Fragment } from "./parsed-state.ts";
import { quote, suggest } from "./text.ts";
import { describeTree, type Tree } from "./tree.ts";

/**
 * What one document contributes; the form is told by `kind`, and without one by its keys. Kinds of others
 * (Namespace, NodePool, …) contribute nothing. With `secrets`, only Secrets are read.
 */
export function parseDocument(tree: Tree, log: IssueLog, read: "all" | "secrets"): readonly Fragment[] {
  if (tree.kind !== "map") {
    if (read === "all")
      log.error(
        "wrong-type",
        tree.at,
        `a desired state is a mapping, here it is ${describeTree(tree)}; nothing of it is applied`,
        FORMS,
      );
    return [];
  }
  const document = new MapReader(tree, "the document", log);
  const kind = document.get("kind");
  if (read === "secrets" && (kind?.kind !== "scalar" || !["Secret", "List"].includes(String(kind.value))))
    return [];
  if (kind === undefined) return [parseByKeys(document, log)];
  const text = document.text("kind");
  if (text === undefined) return [];
  if (/^(?:Image\w+|Secret|Cluster)?List$/.test(text.text))
    return (document.list("items")?.items ?? []).flatMap((item) => parseItem(item, log, read));
  return [
    parseByKind(new MapReader(tree, `the ${quote(text.text).slice(1, -1)}`, log), text.text, text.at, log),
  ];
}

const FORMS =
  "write kind: RegistryMirrors with registryMirrors, or one of the other forms that docs/issues.md names";

const KINDS = ["RegistryMirrors", "Cluster", "Secret", ...MIRROR_SET_KINDS.keys()];

// A list in a list is nothing that Kubernetes writes, and would recurse.
function parseItem(item: Tree, log: IssueLog, read: "all" | "secrets"): readonly Fragment[] {
  const nested = item.kind === "map" && item.entries.has("items");
  return nested ? [] : parseDocument(item, log, read);
}

function parseByKind(document: MapReader, kind: string, at: Place, log: IssueLog): Fragment {
  if (kind === "RegistryMirrors") return parseNative(document, log);
  if (kind === "Cluster") return parseCluster(document, log);
  if (kind === "Secret") return parseSecret(document, log);
  if (MIRROR_SET_KINDS.has(kind)) return parseImageMirrorSet(document, kind, log);
  const meant = suggest(kind, KINDS);
  const ours = document.text("apiVersion")?.text.startsWith("mirrorlet/") ?? false;
  if (meant !== undefined || ours)
    log.error(
      "unknown-kind",
      at,
      `there is no kind ${quote(kind)}, so the document would do nothing`,
      meant === undefined ? "write kind: RegistryMirrors" : `did you mean ${meant}?`,
    );
  return {};
}

function parseByKeys(document: MapReader, log: IssueLog): Fragment {
  const { entries } = document.map;
  const has = (key: string): boolean => entries.has(key);
  if (has("apiVersion") && document.text("apiVersion")?.text.startsWith("mirrorlet/")) {
    document.missing("kind", "add kind: RegistryMirrors");
    return {};
  }
  if (has("registryMirrors") || has("gcrKeyPath") || has("privateRegistryConfigPath"))
    return parseClusterHeader(document, log);
  if (has("mirrors") || has("configs")) return parseK3s(document, log);
  const near = [...entries].find(
    ([key]) => suggest(key, ["registryMirrors", "mirrors", "kind"]) !== undefined,
  );
  if (near !== undefined) {
    const [key, { keyAt }] = near;
    log.error(
      "unknown-key",
      keyAt,
      `the document has no key that is read, only ${quote(key)}`,
      `did you mean ${suggest(key, ["registryMirrors", "mirrors", "kind"])}?`,
    );
  } else {
    const message = "the document is in none of the forms of a desired state; nothing of it is applied";
    log.error("unknown-form", document.map.at, message, FORMS);
  }
  return {};
}
