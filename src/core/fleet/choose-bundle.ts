import type { PublishedState } from "./check-published.ts";

export type ChosenBundle =
  | { readonly ok: true; readonly bundle: PublishedState }
  | { readonly ok: false; readonly message: string };

/** One of a channel's published states: by serial, by the beginning of its digest, or, where nothing is said, the newest. */
export function chooseBundle(
  wanted: string | undefined,
  channel: string,
  published: readonly PublishedState[],
): ChosenBundle {
  const own = published.filter(({ state }) => state.channel === channel);
  if (own.length === 0)
    return { ok: false, message: `nothing was published to ${channel} yet (mirrorlet fleet publish)` };
  const newest = own.reduce((one, other) => (other.serial > one.serial ? other : one));
  if (wanted === undefined) return { ok: true, bundle: newest };
  const bySerial = /^\d{1,16}$/.test(wanted) ? own.filter(({ serial }) => serial === Number(wanted)) : [];
  const byDigest = /^[0-9a-f]{6,64}$/.test(wanted)
    ? own.filter(({ digest }) => digest.startsWith(wanted))
    : [];
  const found = bySerial.length > 0 ? bySerial : byDigest;
  const [bundle, ...more] = found;
  if (bundle === undefined)
    return {
      ok: false,
      message: `no published state of ${channel} has the serial or digest ${wanted}: there are ${listSerials(own)}`,
    };
  if (more.length > 0)
    return {
      ok: false,
      message: `${wanted} means ${found.length} states of ${channel}: write more of the digest`,
    };
  return { ok: true, bundle };
}

function listSerials(states: readonly PublishedState[]): string {
  const serials = states.map(({ serial }) => serial).toSorted((a, b) => b - a);
  const more = serials.length > 8 ? ` and ${serials.length - 8} more` : "";
  return `serial ${serials.slice(0, 8).join(", ")}${more}`;
}
