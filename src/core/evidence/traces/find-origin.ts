import { defaultHost } from "../../containerd/default-upstream.ts";
import type { RequestKind, RequestRole } from "../registry-request.ts";
import type { MirrorIndex } from "./mirror-index.ts";
import type { RequestUrl } from "./request-url.ts";

/** What the requests of a pull are judged by. */
export interface PullContext {
  readonly mirrors: MirrorIndex;
  /** host:port of our own last host; undefined where there is none. */
  readonly witnessHost: string | undefined;
  /** The image, where the pull says which. */
  readonly image?: { readonly namespace: string; readonly repository: string };
}

/** What a request is about and whom it asked. */
export interface Place {
  /** Host namespace of the image. */
  readonly namespace: string;
  readonly repository: string;
  readonly role: RequestRole;
  readonly kind: RequestKind;
  readonly object: string;
}

export interface Origin extends Place {
  /** The host is the witness, a mirror or the upstream; else it is somebody else, or what a redirect led to. */
  readonly isKnown: boolean;
}

const OBJECT_PATH = /^\/(.*)\/(manifests|blobs)\/([^/]+)$/;
const REPOSITORY = /^[a-z0-9][a-z0-9._/-]{0,254}$/;
const OBJECT = /^[\w.:+-]{1,256}$/;
const WITNESS_PATH = "witness";

/** Reads a request's URL alone; undefined when it asks for neither a manifest nor a blob. */
export function findOrigin(url: RequestUrl, context: PullContext): Origin | undefined {
  const match = OBJECT_PATH.exec(url.path);
  if (match === null) return undefined;
  const [, before = "", kinds = "", object = ""] = match;
  const namespace = namespaceOf(url, context);
  const { role, prefix } = askedHost(url.host, before, namespace, context);
  const repository = repositoryBelow(before, prefix, context);
  return {
    namespace,
    repository: REPOSITORY.test(repository) ? repository : "",
    role: role ?? "upstream",
    isKnown: role !== undefined,
    kind: kinds === "manifests" ? "manifest" : "blob",
    object: OBJECT.test(object) ? object : "",
  };
}

/** The role of a host that is known by itself. */
export function roleOfHost(
  host: string,
  namespace: string,
  { mirrors }: PullContext,
): RequestRole | undefined {
  if (mirrors.mirrorsOf(namespace).some((mirror) => mirror.host === host)) return "mirror";
  return host === defaultHost(namespace) || host === namespace ? "upstream" : undefined;
}

/** containerd appends `?ns=` wherever the host is not the namespace's own. */
function namespaceOf({ namespace, isMasked, host }: RequestUrl, { image, mirrors }: PullContext): string {
  if (namespace !== undefined) return namespace;
  if (image !== undefined) return image.namespace;
  if (isMasked) return mirrors.namespaceServedBy(host) ?? host;
  return host === defaultHost("docker.io") ? "docker.io" : host;
}

interface AskedHost {
  readonly role: RequestRole | undefined;
  /** What stands before the repository, without slashes at its ends. */
  readonly prefix: string;
}

function askedHost(host: string, before: string, namespace: string, context: PullContext): AskedHost {
  if (host === context.witnessHost && isBelow(before, WITNESS_PATH))
    return { role: "witness", prefix: WITNESS_PATH };
  const role = roleOfHost(host, namespace, context);
  if (role !== "mirror") return { role, prefix: "v2" };
  const prefixes = context.mirrors
    .mirrorsOf(namespace)
    .filter((mirror) => mirror.host === host && isBelow(before, mirror.prefix))
    .map(({ prefix }) => prefix);
  return { role, prefix: prefixes.sort((a, b) => b.length - a.length)[0] ?? "v2" };
}

function repositoryBelow(before: string, prefix: string, { image }: PullContext): string {
  if (isBelow(before, prefix)) return before.slice(prefix.length + 1);
  const isAsked = image !== undefined && `/${before}`.endsWith(`/${image.repository}`);
  return isAsked ? image.repository : before;
}

function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(`${prefix}/`);
}
