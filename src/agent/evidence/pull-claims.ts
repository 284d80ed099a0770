import { parseImageReference } from "../../core/containerd/image-reference.ts";
import type { Clock, Containerd } from "../ports.ts";

/**
 * Tells the agent's own pulls from those of others where containerd shows both alike: in its image events and in its
 * log. Each of the agent's pulls accounts for one of those.
 */
export interface PullClaims {
  /** A pull of the agent begins; the function ends it. */
  begin(reference: string): (ok: boolean) => void;
  /** A pull that ended was seen: true when it is one of the agent's own, which is told no other way. */
  take(reference: string, ok: boolean): boolean;
  /** Whether others have been seen to pull it since then (uptime). */
  pulledByOthersSince(reference: string, uptimeMs: number): boolean;
}

interface Claim {
  /** Undefined while it runs. */
  ended?: { readonly uptimeMs: number; readonly ok: boolean };
  taken: boolean;
}

/** How long after its end a pull may show up. */
const LATE_MS = 10_000;
const MAX_REFERENCES = 1024;

export function createPullClaims(clock: Pick<Clock, "uptimeMs">): PullClaims {
  const claims = new Map<string, readonly Claim[]>();
  const others = new Map<string, number>();
  const isCurrent = ({ ended }: Claim): boolean =>
    ended === undefined || clock.uptimeMs() - ended.uptimeMs < LATE_MS;
  return {
    begin(reference) {
      const key = normalize(reference);
      const claim: Claim = { taken: false };
      put(claims, key, [...(claims.get(key) ?? []).filter(isCurrent), claim]);
      return (ok) => {
        claim.ended = { uptimeMs: clock.uptimeMs(), ok };
      };
    },
    take(reference, ok) {
      const key = normalize(reference);
      const own = (claims.get(key) ?? []).find(
        (claim) => isCurrent(claim) && !claim.taken && (claim.ended?.ok ?? ok) === ok,
      );
      if (own === undefined) put(others, key, clock.uptimeMs());
      else own.taken = true;
      return own !== undefined;
    },
    pulledByOthersSince: (reference, uptimeMs) => (others.get(normalize(reference)) ?? -1) >= uptimeMs,
  };
}

/** The same containerd; its pulls are claimed as the agent's own. */
export function claimPulls(containerd: Containerd, claims: PullClaims): Containerd {
  return {
    ...containerd,
    async pullImage(reference, timeoutMs, signal) {
      const end = claims.begin(reference);
      const result = await containerd.pullImage(reference, timeoutMs, signal);
      end(result.ok);
      return result;
    },
  };
}

function normalize(reference: string): string {
  const parsed = parseImageReference(reference);
  return parsed.ok ? parsed.reference.normalized : reference;
}

function put<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REFERENCES && oldest !== undefined) map.delete(oldest);
}
