import { formatAge } from "../core/evidence/format-age.ts";
import type { Bundle } from "../core/fleet/bundle.ts";
import { plainText } from "../core/plain-text.ts";

/** `10,000` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 node`, `10,000 nodes` */
export function countNodes(count: number): string {
  return `${formatCount(count)} ${count === 1 ? "node" : "nodes"}`;
}

export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}

/** `serial 12 (3f9a1c22b0d4)` */
export function nameBundle({ digest, serial }: Bundle): string {
  return `serial ${serial} (${shortDigest(digest)})`;
}

/** `n1, n2, … and 110 more`: as many as fit in `width` characters, and one at least. */
export function listNames(names: readonly string[], count: number, width: number): string {
  let text = "";
  let shown = 0;
  for (const name of names) {
    const next = shown === 0 ? name : `${text}, ${name}`;
    const more = count - shown - 1;
    const suffix = more > 0 ? ` and ${formatCount(more)} more` : "";
    if (shown > 0 && next.length + suffix.length > width) break;
    text = next;
    shown++;
  }
  const more = count - shown;
  return plainText(more > 0 ? `${text} and ${formatCount(more)} more` : text);
}

/** `12 s ago`; of a moment that is to come, `in 12 s`. */
export function formatWhen(ms: number, nowMs: number): string {
  return ms > nowMs ? `in ${formatAge(ms - nowMs)}` : `${formatAge(nowMs - ms)} ago`;
}

/** `[#####-----]  50 %`; only what is whole is full. */
export function drawBar(done: number, of: number, width: number): string {
  const share = of === 0 ? 0 : done / of;
  const full = Math.floor(share * width);
  const percent = share === 1 ? 100 : Math.min(99, Math.floor(share * 100));
  return `[${"#".repeat(full)}${"-".repeat(width - full)}] ${String(percent).padStart(3)} %`;
}
