import { isLoopbackHost } from "../../core/containerd/loopback.ts";
import { type Mirror, mirrorUrl } from "../../core/desired-state/desired-state.ts";
import { issueAt } from "../../core/signing/check-signed-state.ts";
import type { Wanted } from "../choose-desired-state.ts";
import { nothingWanted } from "../load-wanted.ts";

type Loaded = Exclude<Wanted, { kind: "kept" }>;

/**
 * What nobody has to have signed may choose mirrors, but not do away with TLS: by `http://`, beyond this node, or
 * skipTLSVerify anybody on the way could serve images.
 */
export function refuseInsecure(wanted: Loaded): Loaded {
  if (wanted.kind !== "state") return wanted;
  const mirrors = wanted.state.registries.flatMap((registry) => registry.mirrors);
  const found = mirrors.find(isInsecure);
  if (found === undefined) return wanted;
  const { at, issues, inputs } = wanted;
  const how = found.skipTlsVerify ? "skips the check of its certificate" : "is spoken to without TLS";
  const message = `the mirror ${mirrorUrl(found)} ${how}, which a feed whose documents nobody signs may not ask for; nothing of it is applied`;
  const fix = "give it TLS and a CA, or have documents signed (trust.keys)";
  return nothingWanted([...issues, issueAt(at.file, "feed-insecure", message, fix)], inputs);
}

function isInsecure({ scheme, host, skipTlsVerify }: Mirror): boolean {
  return skipTlsVerify || (scheme === "http" && !isLoopbackHost(host));
}
