import type { Hop } from "../../../evidence/exchange.ts";
import type { Finding } from "../../finding.ts";

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;
/** Of its life, for those that live for days only and are renewed late by design. */
const LAST_PART = 0.2;
const SKEW_MS = 120_000;

/**
 * What answers of mirrors show besides: certificates that expire soon, and clocks that differ. `nowMs`: ms since the
 * epoch.
 */
export function judgeHops(hops: readonly Hop[], nowMs: number): readonly Finding[] {
  const byOrigin = new Map<string, Hop[]>();
  for (const hop of hops) {
    const origin = /^https?:\/\/[^/?#]+/.exec(hop.url)?.[0];
    if (origin !== undefined) byOrigin.set(origin, [...(byOrigin.get(origin) ?? []), hop]);
  }
  return [...byOrigin].flatMap(([origin, of]) => [
    ...judgeExpiry(origin, of, nowMs),
    ...judgeClock(origin, of),
  ]);
}

function judgeExpiry(origin: string, hops: readonly Hop[], nowMs: number): readonly Finding[] {
  // One that was not accepted has a finding already.
  const ends = hops.flatMap(({ tlsNotAfterMs: endMs, tlsNotBeforeMs: startMs = 0, status }) =>
    endMs === undefined || status === undefined ? [] : [{ startMs, endMs }],
  );
  const [first] = ends.sort((one, other) => one.endMs - other.endMs);
  if (first === undefined) return [];
  const { startMs, endMs: end } = first;
  const leftMs = end - nowMs;
  if (leftMs < 0 || leftMs > SOON_MS || leftMs > LAST_PART * (end - startMs)) return [];
  const days = Math.floor(leftMs / DAY_MS);
  return [
    {
      code: "server-certificate-expires-soon",
      severity: "warning",
      where: { kind: "url", url: origin, hop: "TLS" },
      fact: `the first certificate of its chain expires on ${new Date(end).toISOString().slice(0, 10)}, in ${days === 1 ? "1 day" : `${days} days`}`,
      consequence: "from then on no pull gets an answer from it: the next host is asked, or the pull fails",
      fix: "renew it, and the CA that signed it where that ends first",
    },
  ];
}

function judgeClock(origin: string, hops: readonly Hop[]): readonly Finding[] {
  const skews = hops.flatMap(({ clockAheadMs }) => clockAheadMs ?? []);
  const [skew = 0] = skews.sort((one, other) => Math.abs(one) - Math.abs(other));
  if (Math.abs(skew) < SKEW_MS) return [];
  const seconds = Math.round(Math.abs(skew) / 1000);
  const amount =
    seconds > 7200 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 60)} minutes`;
  return [
    {
      code: "clock-skew",
      severity: "warning",
      where: { kind: "url", url: origin, hop: "Date of its answer" },
      fact: `its clock is ${amount} ${skew > 0 ? "ahead of" : "behind"} this node's`,
      consequence:
        "certificates and tokens count as expired, or as not valid yet, before or after their time: pulls then fail or go to the next host",
      fix: "timedatectl shows whether this node's clock is synchronized; where several hosts differ by as much, it is this node's",
    },
  ];
}
