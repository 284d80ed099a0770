import { getNode } from "../../containerd/config/config-tree.ts";
import { parseImageReference } from "../../containerd/image-reference.ts";
import type { LegacyMirror } from "../../containerd/registry-config.ts";
import { encodeTomlKey } from "../../toml/encode-toml.ts";
import { describeFates } from "../describe-fates.ts";
import { describeFate, fateOf, hasMirror } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { checkEndpoints } from "./check-endpoints.ts";
import { RESTART, registryHeader } from "./config-edit.ts";

/** `registry.mirrors`, where it is in force. */
export function checkLegacy(view: NodeView): readonly Finding[] {
  const { mirrors } = view.config;
  return [
    ...checkDeprecated(view),
    ...mirrors.flatMap((mirror) => [...checkNamespace(mirror, view), ...checkEmpty(mirror, view)]),
    ...checkEndpoints(view),
  ];
}

/** 1.x has nothing better that is any less deprecated; with 2.x its end is announced. */
function checkDeprecated(view: NodeView): readonly Finding[] {
  const { config, traits, version } = view;
  const names = config.mirrors.map(({ namespace }) => namespace);
  const served = names.filter((namespace) => hasMirror(fateOf(namespace, view)));
  const [first] = config.mirrors;
  if (traits.importsReplacePluginTables || first === undefined || served.length === 0) return [];
  const local = traits.transferService
    ? ", and makes it pull locally instead of through the transfer service"
    : "";
  return [
    {
      code: "legacy-mirrors",
      severity: traits.transferService ? "warning" : "info",
      where: atFile(first.at),
      fact: `registry.mirrors of ${listSome(served)} works in containerd ${version.text}${local}; its removal is announced for containerd 2.4`,
      consequence: `now ${describeFates(served, view)}; once it is gone, every pull goes straight to its own registry`,
      fix: `write the mirrors as hosts.toml files, remove registry.mirrors, set config_path = "/etc/containerd/certs.d" under ${registryHeader(view)} and ${RESTART}`,
    },
  ];
}

const HUB = ["registry-1.docker.io", "index.docker.io", "hub.docker.com", "www.docker.com", "docker.com"];

/** Keys are compared with the host of an image, as text. */
function checkNamespace({ namespace, at }: LegacyMirror, view: NodeView): readonly Finding[] {
  if (namespace === "*" || (!HUB.includes(namespace) && isNamespace(namespace))) return [];
  const bare =
    namespace
      .replace(/^[a-z]+:\/\//i, "")
      .split("/")[0]
      ?.toLowerCase() ?? "";
  const meant = HUB.includes(bare) ? "docker.io" : isNamespace(bare) ? bare : undefined;
  const isServed = meant === undefined || hasMirror(fateOf(meant, view));
  return [
    {
      code: "legacy-namespace",
      severity: isServed ? "warning" : "error",
      where: atFile(at),
      fact: `registry.mirrors.${encodeTomlKey(namespace)}: containerd looks for the host of an image as it is written, ${meant === undefined ? "without wildcards, scheme or path" : `here ${meant}`}`,
      consequence: meant === undefined ? "no pull uses these endpoints" : describeFate(fateOf(meant, view)),
      fix: `${meant === undefined ? "write the host of the images" : `write registry.mirrors.${encodeTomlKey(meant)}`} and ${RESTART}`,
    },
  ];
}

function isNamespace(text: string): boolean {
  const parsed = parseImageReference(`${text}/some/repository:tag`);
  return (
    parsed.ok && parsed.reference.namespace === text && parsed.reference.repository === "some/repository"
  );
}

/** A key without endpoints keeps `*` from its namespace. A misspelt `endpoint` has a finding of its own. */
function checkEmpty({ namespace, endpoints, at }: LegacyMirror, view: NodeView): readonly Finding[] {
  const table = getNode(view.merged.cri, ["registry", "mirrors", namespace]);
  const hasOthers = table?.kind === "table" && [...table.entries.keys()].some((key) => key !== "endpoint");
  if (endpoints.length > 0 || hasOthers) return [];
  return [
    {
      code: "legacy-mirror-empty",
      severity: "warning",
      where: atFile(at),
      fact: `registry.mirrors.${encodeTomlKey(namespace)} has no endpoint${view.config.mirrors.some((other) => other.namespace === "*") ? ', and keeps those of "*" from it' : ""}`,
      consequence: describeFate(fateOf(namespace, view)),
      fix: `write endpoint = ["https://…"], or remove the entry, and ${RESTART}`,
    },
  ];
}
