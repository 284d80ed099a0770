import { decodeBase64 } from "../../decode-base64.ts";
import { parseGoUrl } from "../go-url.ts";
import type { Auth, RegistryConfig } from "../registry-config.ts";

/** What config.toml offers to a host that asks for credentials. Secret. */
export type RegistryCredential =
  | { readonly kind: "none" }
  /** An identity token has no user name. */
  | { readonly kind: "login"; readonly username: string; readonly password: string }
  /** In containerd's words, without the value. */
  | { readonly kind: "broken"; readonly reason: string };

/**
 * The credential for host:port, as CRI's ParseAuth reads it. Pull secrets of a pod, which go before it, are not
 * known here. `auths`, the older spelling, wins over `configs`.
 */
export function credentialFor(
  { configs, auths }: Pick<RegistryConfig, "configs" | "auths">,
  host: string,
): RegistryCredential {
  const older = auths.findLast(({ url }) => hostOf(url) === host);
  const auth = older?.auth ?? configs.find((config) => config.host === host)?.auth;
  return auth === undefined ? { kind: "none" } : readAuth(auth);
}

function readAuth({ username = "", password = "", identityToken = "", auth = "" }: Auth): RegistryCredential {
  if (username !== "") return { kind: "login", username, password };
  if (identityToken !== "") return { kind: "login", username: "", password: identityToken };
  if (auth === "") return { kind: "none" };
  const decoded = decodeBase64(auth);
  if (decoded === undefined) return { kind: "broken", reason: "auth is not base64" };
  const colon = decoded.indexOf(":");
  if (colon === -1) return { kind: "broken", reason: "auth is not base64 of username:password" };
  const secret = decoded.slice(colon + 1).replace(/^\0+|\0+$/g, "");
  return { kind: "login", username: decoded.slice(0, colon), password: secret };
}

function hostOf(endpoint: string): string {
  const url = parseGoUrl(endpoint);
  return url.ok && url.scheme !== "" ? url.host : endpoint;
}
