import type { PullReply, PullRequest } from "../containerd/pull/pull-request.ts";
import type { Visit } from "../containerd/pull/pull-walk.ts";
import type { ResolvedHost } from "../containerd/resolved-host.ts";
import { proxyHint, redirectedTo } from "./exchange.ts";
import { printable } from "./printable.ts";

/** Cause and fix of a visit that did not end well, in words; without secrets. */
export interface Words {
  readonly cause: string;
  readonly fix: string;
}

/** Of an answer; where there was none, the failure has words of its own. Undefined where nothing is wrong. */
export function describeAnswer(visit: Visit, host: ResolvedHost): Words | undefined {
  const { reply } = visit;
  if (reply === undefined) return undefined;
  const words = wordsOf(visit, reply, host);
  const failure = reply.kind === "failure" ? reply.failure.code : undefined;
  const hint = host.role === "mirror" ? proxyHint(reply.exchange, failure) : undefined;
  return words === undefined || hint === undefined ? words : { ...words, fix: `${words.fix}; ${hint}` };
}

function wordsOf({ judgement, request }: Visit, reply: PullReply, host: ResolvedHost): Words | undefined {
  const elsewhere = redirectedTo(reply.exchange, request.url);
  if (reply.kind === "failure")
    return elsewhere === undefined
      ? reply.failure
      : describeRedirect(host.entry.host, elsewhere, reply.failure);
  const words = WORDS[judgement.code];
  if (words === undefined) return undefined;
  const { status, mediaType, digestHeader } = reply;
  const [cause, fix] = words({
    host,
    name: elsewhere === undefined ? host.entry.host : `${elsewhere}, to which ${host.entry.host} redirects,`,
    request,
    status,
    shown: (text) => JSON.stringify(printable(text)),
    mediaType,
    digestHeader,
  });
  return { cause, fix };
}

/** Of a host that leads to where no answer comes from; the words are about the latter. */
export function describeRedirect(host: string, elsewhere: string, { cause, fix }: Words): Words {
  return {
    cause: `${host} redirects to ${elsewhere}: ${cause}`,
    fix: `open the way from this node to ${elsewhere}, or switch redirects off at the mirror; ${fix}`,
  };
}

interface Facts {
  readonly host: ResolvedHost;
  readonly name: string;
  readonly request: PullRequest;
  readonly status: number;
  readonly mediaType: string;
  readonly digestHeader: string;
  readonly shown: (text: string) => string;
}
type Describe = (facts: Facts) => readonly [cause: string, fix: string];

const PROXY_FIX = "let what stands in front of it (a proxy, a cache) pass the registry's own answers on";
const LOG_FIX = "see its own log";
const CACHE_FIX = "purge the image from the mirror's cache, and check its disk";

const WORDS: Readonly<Partial<Record<Visit["judgement"]["code"], Describe>>> = {
  "not-found": describeMissing,
  unauthorized: ({ name }) => [
    `${name} answers 401 and names no way to log in that containerd knows`,
    "let it send WWW-Authenticate: Basic or Bearer, or serve pulls without credentials",
  ],
  "credentials-refused": ({ name }) => [
    `${name} answers 401 to the credentials or token that it was sent`,
    "check the credential and its right to this repository at the mirror; robot accounts expire",
  ],
  forbidden: ({ name }) => [
    `${name} forbids it (403)`,
    "give the credential the right to read this repository, and check the mirror's rules for addresses",
  ],
  "rate-limited": ({ name, status, host }) => [
    `${name} answers ${status === 429 ? "429: too many requests" : "408: it waited too long for the request"}`,
    host.role === "upstream"
      ? "its limit for pulls is reached: let pulls go through the mirror, and give the mirror credentials for it"
      : "raise its limit for the nodes",
  ],
  "server-error": ({ name, status }) => [`${name} answers ${status}`, LOG_FIX],
  "other-status": ({ name, status, request }) => [
    `${name} answers ${status}`,
    request.url.includes("?ns=")
      ? `${LOG_FIX}; some mirrors refuse the parameter ns= that containerd adds: upgrade it, or strip ns in front of it`
      : LOG_FIX,
  ],
  "redirect-to-nowhere": ({ name, status }) => [
    status === 304
      ? `${name} answers 304 Not Modified to somebody who has no copy`
      : `${name} answers ${status} and does not say where to go`,
    PROXY_FIX,
  ],
  "bad-digest-header": ({ name, digestHeader, shown }) => [
    `${name}: its header Docker-Content-Digest is no digest: ${shown(digestHeader)}`,
    "let it send sha256: and 64 hexadecimal digits, or no such header",
  ],
  "manifest-too-large": ({ name }) => [
    `${name} announces a manifest over 4 MiB, which containerd does not take`,
    "check what it serves under this name",
  ],
  "get-refused": ({ name, status }) => [
    `${name} answers HEAD without digest or length, and ${status} to the GET that has to follow`,
    "let it answer HEAD with Docker-Content-Digest and Content-Length",
  ],
  "web-page": ({ name }) => [
    `${name} answers with a web page: a portal, a login page, or the wrong host, port or path`,
    "correct the address, or let it answer clients that are no browsers with 401 or 404",
  ],
  "wrong-type": ({ name, mediaType, shown }) => [
    `${name} gives the manifest the Content-Type ${shown(mediaType)}, so containerd looks for it under /blobs/, where no registry has it`,
    `${PROXY_FIX}, its Content-Type above all`,
  ],
  "schema-1": ({ name }) => [
    `${name} serves a manifest of schema 1 for it`,
    "rebuild the image; if it is new, let the mirror honour the Accept header",
  ],
  "no-content": ({ name }) => [`${name} announces a manifest of 0 bytes`, PROXY_FIX],
  "blob-for-manifest": ({ name }) => [
    `${name} has the digest under /blobs/ only: containerd takes the manifest for a file of no type`,
    `let the mirror serve it under /manifests/ and answer 404 under /blobs/; remove the image from the node before the next try`,
  ],
  "digest-unknown": ({ name }) => [
    `${name} names a digest for the tag and has no manifest of that digest: its header Docker-Content-Digest is wrong, or its cache holds half of the image`,
    `let it send the digest of what it serves; ${CACHE_FIX}`,
  ],
  "short-body": ({ name }) => [`${name} sends fewer bytes than the image has`, CACHE_FIX],
  "wrong-bytes": ({ name }) => [`${name} sends other bytes than their digest says`, CACHE_FIX],
  "cut-body": ({ name }) => [`${name} ends the connection, or stalls, in the middle of the answer`, LOG_FIX],
  "not-a-manifest": ({ name }) => [`what ${name} serves for it is no image manifest`, CACHE_FIX],
  "no-platform": () => [
    "the image has no manifest for this machine's platform",
    "pull an image that is built for it",
  ],
};

/** 404, where the path itself may be at fault. */
function describeMissing({ host, name, request }: Facts): readonly [string, string] {
  const { written, path, scheme } = host.entry;
  const what = request.isManifest ? "this image" : "a blob of this image";
  // Without override_path /v2 is added behind a path that has it already.
  if (/^\/v2\/.+\/v2$/.test(path) && !written.replace(/\/+$/, "").endsWith("/v2"))
    return [
      `${name} answers 404, because /v2 stands twice in the path: override_path is missing`,
      `add override_path = true to [host.${JSON.stringify(written)}] in hosts.toml, so that requests go to ${path.replace(/\/v2$/, "")}/…`,
    ];
  if (host.role === "upstream") return [`${name} does not have ${what} (404)`, "check its name and tag"];
  const prefix = /^\/(?!v2(?:\/|$))(.+)\/v2$/.exec(path)?.[1];
  const hint =
    prefix === undefined
      ? ""
      : `; if it expects /v2/${prefix}/…, write ${scheme}://${name}/v2/${prefix} with override_path = true`;
  return [
    `${name} does not have ${what} (404)`,
    `copy the image to the mirror, or let the mirror fetch what it lacks${hint}`,
  ];
}
