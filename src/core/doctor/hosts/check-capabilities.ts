import { isLoopbackHost } from "../../containerd/loopback.ts";
import { isOwned } from "../../file-tree.ts";
import { describeFate, isByDigestAlone, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { listReadFiles, placeOfEntry, type ReadFile } from "./read-hosts-files.ts";

/** Capabilities decide over the resolve step alone. */
export function checkCapabilities(context: HostsContext): readonly Finding[] {
  return listReadFiles(context).flatMap((file) => {
    const none = checkNone(file);
    return none.length > 0 ? none : [...checkTags(file), ...checkPull(file), ...checkRoot(file)];
  });
}

function checkNone(file: ReadFile): readonly Finding[] {
  const { outcome, hosts } = file.resolution;
  if (outcome.kind !== "pull-fails" || hosts.length === 0) return [];
  const isByDigest = isByDigestAlone(file.fate);
  if (isByDigest && isWished(file)) return [];
  const [first] = file.parsed.entries;
  return [
    {
      code: "no-resolving-host",
      severity: isByDigest ? "warning" : "error",
      where: first === undefined ? atPath(file.file) : placeOfEntry(file, first),
      fact: "no host has both the capabilities pull and resolve, which looking up a tag takes",
      consequence: describeFate(file.fate),
      fix: 'write capabilities = ["pull", "resolve"] for a mirror that may say what a tag means',
    },
  ];
}

/** Somebody's wish it may be, so it is no more than worth knowing. */
function checkTags(file: ReadFile): readonly Finding[] {
  const { hosts } = file.resolution;
  const pulling = hosts.filter(({ role, entry }) => role === "mirror" && entry.capabilities.includes("pull"));
  const [first] = pulling;
  const upstream = hosts.find(({ role, resolves }) => role === "upstream" && resolves);
  if (first === undefined || upstream === undefined || pulling.some(({ resolves }) => resolves)) return [];
  if (isWished(file)) return [];
  // As Spegel writes it when it is not to resolve: peers have content, and no say in what a tag means.
  if (pulling.every(({ entry }) => isLoopbackHost(entry.host))) return [];
  return [
    {
      code: "capabilities-without-resolve",
      severity: "info",
      where: placeOfEntry(file, first.entry),
      fact: `no mirror of ${nameNamespace(file.namespace)} may resolve, so each tag is looked up at the registry itself, which must be reachable`,
      consequence: describeFate(file.fate),
      fix: 'write capabilities = ["pull", "resolve"] for a mirror that may say what a tag means',
    },
  ];
}

/** Those of the root are for a `server`: the default upstream has all of them, whatever is written. */
function checkRoot(file: ReadFile): readonly Finding[] {
  const root = file.parsed.entries.at(-1);
  const isLimited = !["pull", "resolve"].every((name) => root?.capabilities.some((each) => each === name));
  if (root === undefined || root.host !== "" || root.written !== "" || !isLimited) return [];
  return [
    {
      code: "capabilities-without-server",
      severity: "warning",
      where: placeOfEntry(file, root),
      fact: "capabilities at the top of the file are for server, and without one they mean nothing",
      consequence: describeFate(file.fate),
      fix: `move the line below a host, or name a server above it`,
    },
  ];
}

/** mirrorlet writes what the desired state says, mirrors for digests among it. */
function isWished({ text }: ReadFile): boolean {
  return isOwned(new TextEncoder().encode(text));
}

function checkPull(file: ReadFile): readonly Finding[] {
  return file.parsed.entries
    .filter(({ capabilities, host }) => host !== "" && !capabilities.includes("pull"))
    .map((entry) => ({
      code: "host-without-pull",
      severity: "warning",
      where: placeOfEntry(file, entry),
      fact: `${showWritten(entry.written)} has no pull capability, and containerd asks it for manifests and layers all the same, in the order of the file`,
      consequence: describeFate(file.fate),
      fix: `delete the host if nothing is to be pulled from it, or write capabilities = ["pull", "resolve"]`,
    }));
}
