import type { RegistryRequest } from "../registry-request.ts";
import { findOrigin, type Origin, type Place, type PullContext, roleOfHost } from "./find-origin.ts";
import type { RawRequest } from "./raw-request.ts";

/**
 * Says of each request whose it is: of which image, to which kind of host. In order of their start; requests that
 * belong to no pull (a ping of `/v2/`) are left out.
 *
 * - What a host redirects to is that host's answer, unless it is the upstream or a mirror itself: then it counts as
 *   that one, so that content of the upstream is never called a mirror's.
 * - A token is asked for on behalf of the host that wanted one.
 * - A push that finds everything there asks for blobs with HEAD, which no pull begins with: none of it counts.
 * - A host that is neither upstream nor a mirror of the desired state is no mirror: it counts as upstream.
 */
export function attributeRequests(
  raw: readonly RawRequest[],
  context: PullContext,
): readonly RegistryRequest[] {
  const ordered = [...raw].sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
  if (isPushStart(ordered[0])) return [];
  const threads = new Map<string, Thread>();
  const out: RegistryRequest[] = [];
  let known: PullContext = context;
  for (const each of ordered) {
    const thread = threads.get(each.parentId) ?? { redirects: [], challenger: undefined };
    threads.set(each.parentId, thread);
    const found = each.isToken ? undefined : findOrigin(each.url, known);
    if (known.image === undefined && found !== undefined) known = { ...known, image: found };
    const place = each.isToken
      ? tokenPlace(thread, threads, each, known)
      : (redirectPlace(thread, out, each, found) ?? found);
    if (place === undefined) continue;
    out.push(build(each, place));
    if (isRedirect(each.status) && !each.isToken) thread.redirects.push({ index: out.length - 1, place });
    if (each.status === 401 && !each.isToken) thread.challenger = place;
  }
  return out;
}

/** Requests of one span follow each other, save for a layer that is fetched in pieces. */
interface Thread {
  /** That have not been followed yet; `index` is their place in the result. */
  redirects: { readonly index: number; readonly place: Place }[];
  challenger: Place | undefined;
}

function redirectPlace(
  thread: Thread,
  out: RegistryRequest[],
  { url }: RawRequest,
  found: Origin | undefined,
): Place | undefined {
  if (found?.isKnown === true) {
    // Another host's turn has come: what this one did not follow will not be followed.
    thread.redirects = thread.redirects.filter(({ index }) => out[index]?.host === url.host);
    return undefined;
  }
  const redirect = thread.redirects.shift();
  if (redirect === undefined) return undefined;
  const from = out[redirect.index];
  if (from !== undefined) out[redirect.index] = { ...from, redirectedTo: url.host };
  return redirect.place;
}

function tokenPlace(
  thread: Thread,
  threads: ReadonlyMap<string, Thread>,
  { url }: RawRequest,
  context: PullContext,
): Place | undefined {
  const last = [...threads.values()].findLast(({ challenger }) => challenger !== undefined);
  const challenger = thread.challenger ?? last?.challenger;
  const namespace = challenger?.namespace ?? context.image?.namespace;
  if (namespace === undefined) return undefined;
  const role = challenger?.role ?? roleOfHost(url.host, namespace, context) ?? "upstream";
  return { namespace, repository: "", role, kind: "token", object: "" };
}

function build(raw: RawRequest, { namespace, repository, role, kind, object }: Place): RegistryRequest {
  const { method, url, startMs, endMs, status, error } = raw;
  return {
    atMs: endMs,
    durationMs: endMs - startMs,
    registry: namespace,
    repository,
    host: url.host,
    role,
    kind,
    method,
    object,
    ...(status === undefined ? {} : { status }),
    ...(error === undefined ? {} : { error }),
  };
}

function isPushStart(first: RawRequest | undefined): boolean {
  return first?.method === "HEAD" && /\/blobs\/[^/]+$/.test(first.url.path);
}

/** Those that Go follows. */
function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}
