import { parseImageReference } from "../containerd/image-reference.ts";

/**
 * The full name in a descriptor's annotations, as found: containerd's own first, then `ref.name`, which has no fixed
 * meaning and is a whole name only where it has a `/` (else a tag). Old packages of zarf use `base.name`.
 */
export function annotatedName(annotations: Readonly<Record<string, string>> = {}): string | undefined {
  const own = annotations["io.containerd.image.name"];
  if (own !== undefined && own !== "") return own;
  const names = ["org.opencontainers.image.ref.name", "org.opencontainers.image.base.name"];
  return names.map((name) => annotations[name]).find((name) => name?.includes("/"));
}

/** A `ref.name` that is no whole name: a tag, or `app:1.0`. */
export function annotatedRef(annotations: Readonly<Record<string, string>> = {}): string | undefined {
  const ref = annotations["org.opencontainers.image.ref.name"];
  return ref !== undefined && /^(?:[a-z0-9._-]+:)?\w[\w.-]{0,127}$/.test(ref) ? ref : undefined;
}

/** `docker.io/library/nginx:1` for `nginx:1`; a tag and a digest both stay. Undefined: it is no reference. */
export function fullName(text: string): string | undefined {
  const parsed = parseImageReference(text);
  if (!parsed.ok) return undefined;
  const { target, normalized } = parsed.reference;
  if (target.kind === "tag") return normalized;
  const named = text.slice(0, text.indexOf("@"));
  const hasTag = named.lastIndexOf(":") > named.lastIndexOf("/");
  const tagged = hasTag ? parseImageReference(named) : undefined;
  return tagged?.ok === true ? `${tagged.reference.normalized}@${target.digest}` : normalized;
}

/** The digest that a full name insists on. */
export function digestInName(name: string): string | undefined {
  const at = name.indexOf("@");
  return at === -1 ? undefined : name.slice(at + 1);
}
