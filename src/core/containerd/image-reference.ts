import type { ContainerdVersion } from "./version.ts";
import { traitsOf } from "./version.ts";

/** An image reference as containerd's CRI plugin normalises it before it pulls. */
export interface ImageReference {
  /** `docker.io/library/nginx:latest`: always a host, and a tag or a digest, never both. */
  readonly normalized: string;
  /** Host namespace: the host with the port if one was written; `docker.io` for Docker Hub. */
  readonly namespace: string;
  /** Repository below the namespace: `library/nginx`. */
  readonly repository: string;
  /** What the manifest is asked by. */
  readonly target:
    | { readonly kind: "tag"; readonly tag: string }
    | { readonly kind: "digest"; readonly digest: string };
}

export type ReferenceResult =
  | { readonly ok: true; readonly reference: ImageReference }
  /** `message` is a sentence for whoever typed the reference. */
  | { readonly ok: false; readonly message: string };

const DOMAIN_PART = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = new RegExp(`^(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${PATH_PART}(?:/${PATH_PART})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
const MAX_PATH = 255;
const MAX_TEXT = 4096;

/**
 * Reads a reference by the grammar of https://github.com/distribution/reference, with Docker's short forms:
 * `nginx` is `docker.io/library/nginx:latest`, `index.docker.io` is `docker.io`, and of a tag and a digest only the
 * digest counts. With `version`, what that release cannot parse is an error too.
 */
export function parseImageReference(text: string, version?: ContainerdVersion): ReferenceResult {
  const invalid = (why: string): ReferenceResult => ({
    ok: false,
    message: `${quote(text)} is not an image reference: ${why}`,
  });
  if (text === "") return invalid("it is empty");
  if (text.length > MAX_TEXT) return invalid(`it is longer than ${MAX_TEXT} characters`);
  if (text.includes("://")) return invalid("it has a URL scheme; write host/repository:tag");
  if (/^[a-f0-9]{64}$/.test(text)) return invalid("it is a bare image ID, which cannot be pulled");
  const { domain, remainder } = splitDomain(text);
  const { path, tag, digest } = splitRemainder(remainder);
  if (!DOMAIN.test(domain)) return invalid(`${quote(domain)} is not a registry host`);
  if (domain.startsWith("[") && version !== undefined && !traitsOf(version).knowsIpv6References)
    return invalid(`containerd ${version.text} does not take IPv6 addresses in references (1.7 does)`);
  if (path !== path.toLowerCase()) return invalid(`the repository ${quote(path)} must be lower case`);
  if (!PATH.test(path)) return invalid(`${quote(path)} is not a repository name`);
  if (path.length > MAX_PATH) return invalid(`the repository name is longer than ${MAX_PATH} characters`);
  if (tag !== undefined && !TAG.test(tag)) return invalid(`${quote(tag)} is not a tag`);
  if (digest !== undefined && !isDigest(digest))
    return invalid(`${quote(digest)} is not a digest; write sha256: and 64 hexadecimal digits, lower case`);
  return { ok: true, reference: build(domain, path, tag, digest) };
}

function build(domain: string, path: string, tag: string | undefined, digest: string | undefined) {
  const name = `${domain}/${path}`;
  if (digest !== undefined)
    return {
      normalized: `${name}@${digest}`,
      namespace: domain,
      repository: path,
      target: { kind: "digest", digest },
    } as const;
  const used = tag ?? "latest";
  return {
    normalized: `${name}:${used}`,
    namespace: domain,
    repository: path,
    target: { kind: "tag", tag: used },
  } as const;
}

/** The first component is a host if it looks like one: a dot, a colon, `localhost`, or an upper-case letter. */
function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !isHost || first === "index.docker.io" ? "docker.io" : first;
  const remainder = isHost ? text.slice(slash + 1) : text;
  const isShort = domain === "docker.io" && !remainder.includes("/");
  return { domain, remainder: isShort ? `library/${remainder}` : remainder };
}

function splitRemainder(remainder: string): { path: string; tag?: string; digest?: string } {
  const at = remainder.indexOf("@");
  const named = at === -1 ? remainder : remainder.slice(0, at);
  const colon = named.indexOf(":");
  return {
    path: colon === -1 ? named : named.slice(0, colon),
    ...(colon === -1 ? {} : { tag: named.slice(colon + 1) }),
    ...(at === -1 ? {} : { digest: remainder.slice(at + 1) }),
  };
}

/** A known algorithm and the right number of lower-case hexadecimal digits. */
export function isDigest(digest: string): boolean {
  const [algorithm = "", hex = "", ...more] = digest.split(":");
  const length = Object.hasOwn(DIGEST_LENGTHS, algorithm) ? DIGEST_LENGTHS[algorithm] : undefined;
  return more.length === 0 && hex.length === length && /^[a-f0-9]+$/.test(hex);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}…` : text);
}
