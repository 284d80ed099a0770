import { parseImageReference } from "../containerd/image-reference.ts";
import { namespaceOfDirectory, registryDirectory } from "../render/registry-directory.ts";
import { isDockerHub, isPublicRegistry, PUBLIC_REGISTRIES } from "./known-registries.ts";

/** Whose pulls a directory is meant for. */
export interface MeantNamespace {
  /** `*` for every other one. */
  readonly namespace: string;
  /** Why containerd does not look for the directory under that namespace; undefined: it does. */
  readonly why?: string;
}

/** The namespace that containerd takes the directory for; undefined: no image reference leads there. */
export function lookedUpAs(directory: string): string | undefined {
  const namespace = namespaceOfDirectory(directory);
  if (namespace === "*") return "*";
  const parsed = parseImageReference(`${namespace}/repository:tag`);
  return parsed.ok && parsed.reference.namespace === namespace ? namespace : undefined;
}

/**
 * Reads a directory's name as a person would. Undefined: nobody can tell, or it has been put out of use on purpose.
 */
export function readDirectoryName(name: string): MeantNamespace | undefined {
  if (isPutAside(name)) return undefined;
  if (/^(?:_*default_*|_all_*|\*)$/i.test(name))
    return name === "_default" ? { namespace: "*" } : { namespace: "*", why: "it is written _default" };
  const bare = name.trim().replace(/^https?(?:[:_]+\/*|%3a)(?=.)/i, "");
  if (bare !== name.trim()) return rename(bare, "a directory's name has no scheme");
  if (/\.+$/.test(name) || name !== name.trim())
    return rename(name.trim().replace(/\.+$/, ""), "no image is written with that ending");
  const port = /^([^_]+)_(\d{1,5})$/.exec(name);
  if (port !== null) return rename(`${port[1]}:${port[2]}`, "a port is written host_port_ or host:port");
  if (name !== name.toLowerCase() && PUBLIC_REGISTRIES.includes(name.toLowerCase()))
    return { namespace: name.toLowerCase(), why: "case counts" };
  if (name !== name.toLowerCase() && lookedUpAs(name) !== undefined)
    return rename(name.toLowerCase(), "case counts, and hosts in capitals are a slip more often than a name");
  const namespace = namespaceOfDirectory(name);
  if (isDockerHub(namespace) && namespace !== "docker.io")
    return { namespace: "docker.io", why: "images of Docker Hub are looked up under docker.io" };
  const withoutPort = namespace.replace(/:\d+$/, "");
  if (withoutPort !== namespace && isPublicRegistry(withoutPort))
    return { namespace: withoutPort, why: `images of ${withoutPort} are written without a port` };
  const typo = PUBLIC_REGISTRIES.find((registry) => isSlip(namespace, registry));
  if (typo !== undefined && !PUBLIC_REGISTRIES.includes(namespace))
    return { namespace: typo, why: `no registry ${namespace} is known; it is one slip away from ${typo}` };
  if (lookedUpAs(name) !== undefined) return { namespace };
  return SHORT_NAMES.has(name.toLowerCase())
    ? {
        namespace: SHORT_NAMES.get(name.toLowerCase()) ?? name,
        why: "a directory has the registry's full name",
      }
    : undefined;
}

/** Copies, and what starts with a dot or `_`: nobody expects containerd to read them. */
export function isPutAside(name: string): boolean {
  if (/^_(?!default|all)/i.test(name) || name.startsWith(".")) return true;
  return /(?:^|[._~-])(?:bak|backup|old|orig|original|save|saved|disabled?|off|unused|example|sample|template|rpmsave|rpmnew|dpkg-\w+)\d*$|~$/i.test(
    name,
  );
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["docker", "docker.io"],
  ["dockerhub", "docker.io"],
  ["docker-hub", "docker.io"],
  ["gcr", "gcr.io"],
  ["quay", "quay.io"],
  ["ghcr", "ghcr.io"],
]);

function rename(name: string, why: string): MeantNamespace | undefined {
  const inner = readDirectoryName(name);
  const namespace = inner?.namespace ?? lookedUpAs(name);
  return namespace === undefined ? undefined : { namespace, why };
}

/** One letter too many, too few, wrong, or two exchanged; not the first, for many registries differ in that alone. */
function isSlip(name: string, registry: string): boolean {
  if (name[0] !== registry[0] || name === registry) return false;
  let start = 0;
  while (start < name.length && name[start] === registry[start]) start++;
  const left = name.slice(start);
  const right = registry.slice(start);
  if (left.slice(1) === right || left === right.slice(1) || left.slice(1) === right.slice(1)) return true;
  return left.slice(2) === right.slice(2) && left[0] === right[1] && left[1] === right[0];
}

/** The name containerd looks for first. */
export function nameOfDirectory(namespace: string): string {
  return registryDirectory(namespace);
}
