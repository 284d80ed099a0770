import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../core/bundle/push/push-event.ts";
import type { PushView } from "../core/bundle/push/push-progress.ts";
import type { SurveyedImage } from "../core/bundle/push/surveyed-image.ts";
import { plainText } from "../core/plain-text.ts";
import { wrapText } from "./wrap-text.ts";

/** What became of a push: what was done, what failed and why, how to go on. */
export function summaryText(
  results: readonly ImageResult[],
  { bytes }: PushView,
  target: string,
  tookMs: number,
  columns: number,
): string {
  const of = (result: ImageResult["result"]): readonly ImageResult[] =>
    results.filter((one) => one.result === result);
  const failed = of("failed");
  const left = of("left").length;
  const rate = tookMs > 0 ? ` (${formatBytes((bytes.sent / tookMs) * 1000)}/s)` : "";
  const parts = [
    `${count(of("pushed").length, "image")} pushed to ${target}, ${of("there").length} there before`,
    `${formatBytes(bytes.sent)} sent in ${formatDuration(tookMs)}${bytes.sent > 0 ? rate : ""}, ${formatBytes(bytes.mounted)} mounted, ${formatBytes(bytes.there)} there before`,
  ];
  for (const { name, newDigest } of results)
    if (newDigest !== undefined)
      parts.push(
        ...wrapText(
          `${name} leads to ${newDigest}, one platform alone: its list is not there`,
          columns,
          2,
        ).map((line, at) => `${at === 0 ? "" : "  "}${line}`),
      );
  if (failed.length + left === 0) return `${parts.join("\n")}\n`;
  return [
    ...parts,
    "",
    `${count(failed.length, "image")} failed${left > 0 ? `, ${left} not tried any more` : ""}:`,
    ...failed.flatMap(({ name, reason = "" }) => [
      `  ${name}`,
      ...wrapText(plainText(reason), columns, 4).map((line) => `    ${line}`),
    ]),
    "",
    "The same command goes on from here: what is there is not sent again.",
    "",
  ].join("\n");
}

/** What a push would do. */
export function surveyText(images: readonly SurveyedImage[], target: string): string {
  const missing = images.reduce((sum, { missingBytes }) => sum + missingBytes, 0);
  const there = images.filter(({ isThere }) => isThere).length;
  return [
    ...images.map(({ image, isThere, missingBytes, problem }) => {
      const state = isThere ? "there" : formatBytes(missingBytes);
      return `${state.padStart(8)}  ${image.name} → ${placeOf(image)}${problem === undefined ? "" : `  (${problem})`}`;
    }),
    "",
    `${count(images.length - there, "image")} to push to ${target}, ${there} there; ${formatBytes(missing)} to send. Nothing was sent.`,
    "",
  ].join("\n");
}

/** `repository:tag`, or by digest. */
export function placeOf({ repository, tag, tree }: PlannedImage): string {
  return tag === undefined ? `${repository}@${tree.image.top.digest}` : `${repository}:${tag}`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
