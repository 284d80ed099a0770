import { checkHostNamespace } from "./check-host-namespace.ts";
import type { MirrorCapability } from "./desired-state.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader, PlacedText } from "./map-reader.ts";
import { parseEndpoint } from "./parse-endpoint.ts";
import type { Fragment, MirrorWish, ParsedMirror, UpstreamRule } from "./parsed-state.ts";
import { rejectOwnHost } from "./read-mirror-entry.ts";
import { quote, suggest } from "./text.ts";

/** Where each kind keeps its entries, and what its mirrors may do. */
export const MIRROR_SET_KINDS: ReadonlyMap<
  string,
  { readonly list: string; readonly capabilities: readonly MirrorCapability[] }
> = new Map([
  ["ImageDigestMirrorSet", { list: "imageDigestMirrors", capabilities: ["pull"] }],
  ["ImageTagMirrorSet", { list: "imageTagMirrors", capabilities: ["pull", "resolve"] }],
  ["ImageContentSourcePolicy", { list: "repositoryDigestMirrors", capabilities: ["pull"] }],
]);

/** A source narrower than a registry, which containerd can only mirror whole. */
export interface WidenedSource {
  readonly namespace: string;
  readonly path: string;
  readonly never: boolean;
  readonly at: PlacedText["at"];
}

export interface MirrorSetFragment extends Fragment {
  readonly widened: readonly WidenedSource[];
}

/** OpenShift's mirror objects; see https://docs.openshift.com, `config.openshift.io/v1` and `operator.openshift.io/v1alpha1`. */
export function parseImageMirrorSet(document: MapReader, kind: string, log: IssueLog): MirrorSetFragment {
  const form = MIRROR_SET_KINDS.get(kind);
  const spec = document.child("spec", "spec");
  const list = form?.list ?? "";
  if (spec === undefined) document.missing("spec", `add spec with ${list}`);
  spec?.rejectUnknown([list]);
  const entries = spec?.children(list, `an entry of ${list}`);
  if (entries === undefined && spec !== undefined && spec.get(list) === undefined)
    spec.missing(list, `add ${list}`);
  if (entries?.length === 0 && spec?.list(list)?.items.length === 0)
    log.error(
      "empty-registries",
      spec.keyAt(list),
      `${list} is empty, so this object mirrors nothing`,
      "add an entry, or remove the object",
    );
  const parsed = (entries ?? []).map((entry) => parseEntry(entry, form?.capabilities ?? [], log));
  return {
    wishes: parsed.flatMap(({ wish }) => wish ?? []),
    namespaces: parsed.flatMap(({ namespace }) => namespace ?? []),
    upstreamRules: parsed.flatMap(({ rule }) => rule ?? []),
    widened: parsed.flatMap(({ widened }) => widened ?? []),
  };
}

/** One warning a source, naming what else of its registry is now sent to the mirrors. */
export function warnWidened(widened: readonly WidenedSource[], log: IssueLog): void {
  const paths = new Map<string, Set<string>>();
  for (const { namespace, path } of widened)
    paths.set(namespace, (paths.get(namespace) ?? new Set()).add(path));
  for (const { namespace, path, never, at } of widened) {
    const named = [...(paths.get(namespace) ?? [])].map((other) => `${namespace}/${other}`);
    const shown = named.length > 5 ? [...named.slice(0, 5), `${named.length - 5} more`] : named;
    const closed = never ? ", and none of them is fetched from the upstream any more" : "";
    const message = `containerd configures whole registries, so ${namespace}/${path} widens to ${namespace}: newly caught is every repository of ${namespace} outside ${shown.join(", ")}${closed}`;
    log.warn("source-widened", at, message, `make sure the mirror may be asked for all of ${namespace}`);
  }
}

interface ParsedEntry {
  readonly wish?: MirrorWish;
  readonly namespace?: string;
  readonly rule?: UpstreamRule;
  readonly widened?: WidenedSource;
}

function parseEntry(entry: MapReader, capabilities: readonly MirrorCapability[], log: IssueLog): ParsedEntry {
  entry.rejectUnknown(["source", "mirrors", "mirrorSourcePolicy"]);
  const never = readNever(entry, log);
  const text = entry.requiredText("source", "add source: registry.example.com/path");
  const source = text && splitSource(text, log);
  const given = entry.texts("mirrors") ?? [];
  if (given.length === 0 && (entry.get("mirrors") === undefined || entry.list("mirrors")?.items.length === 0))
    log.error(
      "no-mirrors",
      entry.map.at,
      "the entry names no mirrors, and containerd cannot just close a source",
      "add mirrors",
    );
  if (source === undefined || text === undefined) return {};
  const { namespace, path } = source;
  const mirrors = given.flatMap((mirror) => parseMirror(mirror, namespace, path, capabilities, log) ?? []);
  return {
    namespace,
    ...(mirrors.length > 0 && { wish: { namespace, at: text.at, mirrors } }),
    ...(never && { rule: { namespace, policy: "never", at: text.at } }),
    ...(path !== "" && { widened: { namespace, path, never, at: text.at } }),
  };
}

function readNever(entry: MapReader, log: IssueLog): boolean {
  const policy = entry.text("mirrorSourcePolicy");
  if (policy === undefined || policy.text === "AllowContactingSource") return false;
  if (policy.text === "NeverContactSource") return true;
  const meant = suggest(policy.text, ["AllowContactingSource", "NeverContactSource"]);
  const fix =
    meant === undefined ? "write AllowContactingSource or NeverContactSource" : `did you mean ${meant}?`;
  log.error("upstream-policy", policy.at, `${quote(policy.text)} is no mirrorSourcePolicy`, fix);
  return false;
}

const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

function splitSource(source: PlacedText, log: IssueLog): { namespace: string; path: string } | undefined {
  const { text, at } = source;
  if (text.includes("*")) {
    log.error(
      "source-invalid",
      at,
      `${quote(text)} is a pattern, and containerd knows no patterns`,
      "name each registry in an entry of its own",
    );
    return undefined;
  }
  const slash = text.indexOf("/");
  const namespace = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? "" : text.slice(slash + 1);
  if (!checkHostNamespace({ text: namespace, at }, log)) return undefined;
  if (path === "" && slash < 0) return { namespace, path };
  if (path.length <= 255 && PATH.test(path)) return { namespace, path };
  log.error(
    "source-invalid",
    at,
    `${quote(path)} is not a repository path`,
    "write lower-case names with / between, no tag and no digest",
  );
  return undefined;
}

function parseMirror(
  mirror: PlacedText,
  namespace: string,
  path: string,
  capabilities: readonly MirrorCapability[],
  log: IssueLog,
): ParsedMirror | undefined {
  const { text, at } = mirror;
  const prefix = prefixOf(text, path);
  if (prefix === undefined) {
    const host = text.split("/")[0] ?? "";
    const message = `the mirror ${quote(text)} renames ${quote(path)}, and containerd cannot rename: it keeps the repository's path and can only put a prefix before it`;
    log.error("mirror-path", at, message, `copy the images to ${host}/<prefix>/${path} and name that`);
    return undefined;
  }
  const [host = "", ...rest] = prefix.split("/");
  const result = parseEndpoint(`https://${host}${rest.length === 0 ? "" : `/v2/${rest.join("/")}`}`);
  if (!result.ok) {
    log.error(result.code, at, result.message, "write host[:port], or host[:port]/path");
    return undefined;
  }
  if (rejectOwnHost({ text: namespace, at }, result.endpoint, log)) return undefined;
  return {
    at,
    endpoint: result.endpoint,
    capabilities,
    addsCapabilities: true,
    skipTlsVerify: false,
    allowInsecureCredentials: false,
  };
}

/** `host[/prefix]` when the mirror ends in the source's path; undefined when the path differs. */
function prefixOf(mirror: string, path: string): string | undefined {
  if (path === "") return mirror;
  return mirror.endsWith(`/${path}`) ? mirror.slice(0, -path.length - 1) : undefined;
}
