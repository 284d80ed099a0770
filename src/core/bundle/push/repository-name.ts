import { parseImageReference } from "../../containerd/image-reference.ts";
import type { Digest } from "../bundle.ts";

/** Where an image goes below the registry, and as what. */
export interface RepositoryName {
  /** `namespace/library/nginx` */
  readonly repository: string;
  /** Undefined: it is there by its digest only. */
  readonly tag: string | undefined;
}

export type RepositoryResult =
  | { readonly ok: true; readonly name: RepositoryName }
  | { readonly ok: false; readonly message: string };

/**
 * Where a node looks for an image at its mirror: the repository of its name without the host, below the namespace.
 * So `gcr.io/a/b:1` and `docker.io/a/b:1` are one place. `digest` is what the name leads to.
 */
export function repositoryFor(name: string, digest: Digest, namespace: string): RepositoryResult {
  const [, plain = "", given] = /^([^@]*)(?:@(.*))?$/s.exec(name) ?? [];
  const parsed = parseImageReference(plain);
  if (!parsed.ok) return parsed;
  if (given !== undefined && given !== digest)
    return { ok: false, message: `${name}: the bundle has ${digest} under this name` };
  const { repository, target } = parsed.reference;
  const hasTag = /:[^/]*$/.test(plain.slice(plain.lastIndexOf("/") + 1));
  const isByDigest = given !== undefined && !hasTag;
  const path = namespace === "" ? repository : `${namespace}/${repository}`;
  if (!isRepositoryPath(path))
    return { ok: false, message: `${JSON.stringify(path)} is too long for a repository` };
  return {
    ok: true,
    name: { repository: path, tag: isByDigest || target.kind === "digest" ? undefined : target.tag },
  };
}

const PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${PART}(?:/${PART})*$`);

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests, within Docker's length. */
export function isRepositoryPath(path: string): boolean {
  return path.length <= 255 && PATH.test(path);
}
