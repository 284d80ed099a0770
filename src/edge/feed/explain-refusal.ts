import { tryTls } from "../../shared/try-tls.ts";
import type { FeedCredentials } from "./read-feed-credentials.ts";

/** So long an answer holds: it costs the server a handshake. */
const HOLDS_MS = 300_000;

/**
 * gRPC does not say why TLS fails: what is known of that, in place of its words. Not asked at the first failure, as when a
 * server goes thousands come back at once.
 */
export function createRefusalExplainer(address: string, nowMs: () => number, uptimeMs: () => number) {
  let known: { readonly why: string | undefined; readonly untilMs: number } | undefined;
  return {
    async explain(message: string, failures: number, { ca, pair }: FeedCredentials): Promise<string> {
      if (pair === undefined || address.startsWith("unix:") || !message.startsWith("UNAVAILABLE"))
        return message;
      if (pair.notAfterMs <= nowMs())
        return `UNAVAILABLE: the certificate in feed.cert has ended on ${new Date(pair.notAfterMs).toISOString()}: renew it`;
      if (failures === 0) return message;
      if (known === undefined || known.untilMs < uptimeMs()) {
        const { hostname, port } = new URL(`https://${address}`);
        const why = await tryTls({
          host: hostname.replace(/^\[|\]$/g, ""),
          port: Number(port || "443"),
          ca,
          cert: pair.cert,
          key: pair.key,
          caName: "feed.ca",
          certName: "feed.cert",
        });
        known = { why, untilMs: uptimeMs() + HOLDS_MS };
      }
      return known.why === undefined ? message : `UNAVAILABLE: ${known.why}`;
    },
    forget(): void {
      known = undefined;
    },
  };
}
