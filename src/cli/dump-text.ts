import type { DumpPlan } from "../core/bundle/dump/plan-dump.ts";
import type { PlannedDump } from "../core/bundle/dump/plan-images.ts";
import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import { plainText } from "../core/plain-text.ts";
import { count } from "./bundle-text.ts";
import type { WrittenFiles } from "./dump-deps.ts";
import { hangText, wrapText } from "./wrap-text.ts";

/** An image that is not in the bundle, though it was asked for. */
interface LostImage {
  readonly name: string;
  readonly reason: string;
}

interface DumpEnd {
  readonly tookMs: number;
  readonly columns: number | undefined;
  readonly lost: readonly LostImage[];
}

/** What a dump has made, what is not in it, and how it is checked. Ends with a newline. */
export function dumpText(
  { plan, images, referrers }: PlannedDump,
  { files, checksums }: WrittenFiles,
  { tookMs, columns, lost }: DumpEnd,
): string {
  const written = files.reduce((sum, { size }) => sum + size, 0);
  const about = referrers === 0 ? "" : ` and ${count(referrers, "referrer")}`;
  const [first, ...more] = files.map(({ path }) => path);
  const where = more.length === 0 ? (first ?? "") : `${first} to ${more.at(-1)?.slice(-3)}`;
  const rate = tookMs > 0 ? `, ${formatBytes((plan.size / tookMs) * 1000)}/s` : "";
  return [
    ...leftOutLines(plan, columns),
    `${count(images.length, "image")}${about}, ${count(plan.blobs.length, "blob")}, ${formatBytes(plan.size)} in ${formatDuration(tookMs)}${rate}`,
    `${plainText(where)}: ${formatBytes(written)}`,
    ...(checksums === undefined ? [] : [`checksums: ${plainText(checksums)}`]),
    ...lostLines(lost, first ?? "", columns),
    "",
  ].join("\n");
}

function lostLines(
  lost: readonly LostImage[],
  bundle: string,
  columns: number | undefined,
): readonly string[] {
  if (lost.length === 0) return [];
  const them = lost.length === 1 ? "it" : "them";
  const next = `The bundle is whole without ${them}. Once the registry is mended, dump ${them} with --since ${plainText(bundle)}.`;
  return [
    "",
    `${count(lost.length, "image")} left out:`,
    ...lost.flatMap(({ name, reason }) => [
      `  ${plainText(name)}`,
      ...wrapText(plainText(reason), columns, 4).map((line) => `    ${line}`),
    ]),
    "",
    ...wrapText(next, columns, 0),
  ];
}

/** What is not in a bundle on purpose. */
export function leftOutLines(plan: DumpPlan, columns: number | undefined): readonly string[] {
  return leftOutNotes(plan).flatMap((note) => hangText(`note: ${note}`, columns));
}

function leftOutNotes({ leftOut, foreign }: DumpPlan): readonly string[] {
  const { since, blobs, manifests, platforms } = leftOut;
  const saved = blobs.reduce((sum, { size }) => sum + size, 0);
  return [
    ...(since === undefined
      ? []
      : [
          `${count(blobs.length, "blob")} (${formatBytes(saved)}) that ${plainText(since)} has are left out: push this bundle where that one has been pushed`,
        ]),
    ...(manifests.length === 0
      ? []
      : [
          `lists keep their digests and still name ${count(manifests.length, "manifest")} of other platforms than ${platforms.join(", ")}, which the bundle lacks: many registries refuse such a list, docker's and Harbor among them; push tells what to do then`,
        ]),
    ...(foreign.length === 0
      ? []
      : [
          `left out, as what may not be handed on: ${count(foreign.length, "layer")}; nodes go to ${plainText(foreign[0]?.urls?.[0] ?? "elsewhere")}`,
        ]),
  ];
}
