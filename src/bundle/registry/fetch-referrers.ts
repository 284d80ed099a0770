import type { Descriptor, Digest } from "../../core/bundle/bundle.ts";
import { readManifestParts } from "../../core/bundle/push/manifest-parts.ts";
import { fallbackTag } from "../../core/bundle/push/referrers-index.ts";
import { AnswerError } from "./answer-error.ts";
import { getManifest } from "./manifests.ts";
import type { RegistryLink } from "./registry-link.ts";
import type { Reply } from "./send-request.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MAX_BYTES = 4 * 1024 * 1024;
const MOST_PAGES = 100;

/** What was learnt of a registry: whether it lists referrers itself. */
export interface ReferrerWays {
  listsThem: boolean | undefined;
}

/**
 * The manifests that say something about another: by the registry's own list, else under the tag where clients keep it.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export async function fetchReferrers(
  link: RegistryLink,
  repository: string,
  subject: Digest,
  ways: ReferrerWays,
): Promise<readonly Descriptor[]> {
  if (ways.listsThem !== false) {
    const listed = await listReferrers(link, repository, subject);
    ways.listsThem = listed !== undefined;
    if (listed !== undefined) return listed;
  }
  const index = await getManifest(link, repository, fallbackTag(subject), MAX_BYTES, true);
  return index === undefined ? [] : descriptorsOf(index);
}

/** Undefined: it does not. */
async function listReferrers(
  link: RegistryLink,
  repository: string,
  subject: Digest,
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  let url: URL | undefined = new URL(`/v2/${repository}/referrers/${subject}`, link.url);
  for (let page = 0; url !== undefined && page < MOST_PAGES; page++) {
    const ask = { method: "GET", url, headers: { accept: INDEX }, maxBytes: MAX_BYTES } as const;
    const reply: Reply = await link.request(ask, { repository, isPull: true });
    // Old ones know no such place, and say so in any of these ways.
    if (page === 0 && [400, 403, 404, 405, 501].includes(reply.status)) return undefined;
    if (page === 0 && !/json/i.test(reply.headers["content-type"] ?? "")) return undefined;
    if (reply.status !== 200) throw new AnswerError("GET", reply);
    found.push(...descriptorsOf(reply.body));
    url = nextPage(reply);
  }
  return found;
}

/** What is no index counts as an empty one: it is of no use to anybody else either. */
function descriptorsOf(bytes: Uint8Array): readonly Descriptor[] {
  const read = readManifestParts(bytes, INDEX);
  return read.ok ? read.parts.manifests : [];
}

/** `Link: </v2/…>; rel="next"` */
function nextPage({ url, headers }: Reply): URL | undefined {
  const link = headers["link"] ?? "";
  const target = /<([^>]*)>\s*;[^,]*rel="?next"?/i.exec(Array.isArray(link) ? link.join(", ") : link)?.[1];
  if (target === undefined || !URL.canParse(target, url.href)) return undefined;
  const next = new URL(target, url);
  return next.origin === url.origin ? next : undefined;
}
