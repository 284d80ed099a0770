/** Where a registry wants the next request of an upload; or why that cannot be followed. */
export type LocationResult =
  | { readonly ok: true; readonly url: URL }
  | { readonly ok: false; readonly reason: string };

/** Reads the Location of an upload's answer: absolute or relative, its query kept as it is. */
export function readUploadLocation(location: string | undefined, from: URL): LocationResult {
  if (location === undefined || location === "" || !URL.canParse(location, from.href))
    return { ok: false, reason: "it does not say where to upload to (no usable Location)" };
  const url = new URL(location, from);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return { ok: false, reason: "it wants the upload at an address that is no http" };
  if (from.protocol === "https:" && url.protocol === "http:")
    return {
      ok: false,
      reason: `it wants the upload at http://${url.host}, without TLS: its own address is set wrong (http.host, or X-Forwarded-Proto of the proxy in front of it)`,
    };
  if (url.username !== "" || url.password !== "")
    return { ok: false, reason: "it names a password in its Location" };
  return { ok: true, url };
}

/** The same URL with the digest that ends the upload. What the registry wrote in its query is left as it is. */
export function withDigest(url: URL, digest: string): URL {
  const ended = new URL(url);
  ended.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return ended;
}

/** The last byte that the registry has, from `Range: 0-499` or `bytes=0-499`; undefined: it does not say. */
export function lastByteOf(range: string | undefined): number | undefined {
  const match = /^(?:bytes=)?0-(\d{1,15})$/.exec(range?.trim() ?? "");
  return match === null ? undefined : Number(match[1]);
}
