import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import type { LeftOver, NotDeleted } from "../core/bundle/push/left-over.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../core/bundle/push/push-event.ts";
import type { PushView } from "../core/bundle/push/push-progress.ts";
import type { PushTarget } from "../core/bundle/push/push-target.ts";
import type { SurveyedImage } from "../core/bundle/push/surveyed-image.ts";
import { plainText } from "../core/plain-text.ts";
import { hangText, wrapText } from "./wrap-text.ts";

interface SummaryPlace {
  readonly target: string;
  readonly tookMs: number;
  readonly columns: number;
  /** A repository that stays and that nobody needs. */
  readonly leftOver?: LeftOver | undefined;
  /** Images that were not pushed, and what to do about each. */
  readonly leftOut?: readonly string[];
}

/** What became of a push: what was done, what failed and why, how to go on. */
export function summaryText(
  results: readonly ImageResult[],
  { bytes }: PushView,
  { target, tookMs, columns, leftOver, leftOut = [] }: SummaryPlace,
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
  for (const { name, digest, newDigest } of results)
    if (newDigest !== undefined)
      parts.push(
        ...hangText(
          `${name} leads to ${newDigest}, one platform alone: its list, ${digest}, is not there`,
          columns,
        ),
      );
  parts.push(...leftOverText(leftOver, columns));
  if (leftOut.length > 0)
    parts.push(
      "",
      `${count(leftOut.length, "image")} left out:`,
      ...leftOut.flatMap((text) => wrapText(plainText(text), columns, 2).map((line) => `  ${line}`)),
    );
  if (failed.length + left === 0) return `${parts.join("\n")}\n`;
  return [
    ...parts,
    "",
    failed.length === 0
      ? `${count(left, "image")} not tried any more.`
      : `${count(failed.length, "image")} failed${left > 0 ? `, ${left} not tried any more` : ""}:`,
    ...failed.flatMap(({ name, reason = "" }) => [
      `  ${name}`,
      ...wrapText(plainText(reason), columns, 4).map((line) => `    ${line}`),
    ]),
    "",
    ...wrapText(wayOn(failed), columns, 0),
    "",
  ].join("\n");
}

function wayOn(failed: readonly ImageResult[]): string {
  if (failed.some(({ isDamaged }) => isDamaged)) return DAMAGED;
  return failed.some(({ needsChange }) => needsChange) ? CHANGED_GOES_ON : GOES_ON;
}

/** What is at the registry besides the images. */
function leftOverText(leftOver: LeftOver | undefined, columns: number): readonly string[] {
  if (leftOver === undefined) return [];
  const { repository, holds, why } = leftOver;
  const { passed, kept, stays } = HELD[holds];
  const text =
    why === "emptied"
      ? `The repository ${repository}, ${passed}, is empty again; registries may go on listing it.`
      : why === "kept"
        ? `The repository ${repository} keeps ${kept}.`
        : `The repository ${repository} stays, as ${STAYS[why]}: it has ${stays}, and the next push uses it.`;
  return wrapText(text, columns, 0);
}

const HELD: Readonly<Record<LeftOver["holds"], Readonly<Record<"passed" | "kept" | "stays", string>>>> = {
  layers: {
    passed: "which layers passed through",
    kept: "what was sent before it ended: the same command goes on with it",
    stays: "the layers once more by name, takes no space of its own",
  },
  probe: {
    passed: "where mounts were tried with two bytes",
    kept: "the two bytes with which mounts were tried: the next push uses it",
    stays: "the two bytes with which mounts were tried, and no layers",
  },
};

const STAYS: Readonly<Record<NotDeleted, string>> = {
  refused: "the login may not delete there",
  unsupported: "this registry deletes nothing",
  broken: "the registry did not delete what was in it when it was asked to",
};

const GOES_ON = "The same command goes on from here: what is there is not sent again.";

const CHANGED_GOES_ON =
  "When that has been put right, the same command goes on from here: what is there is not sent again.";

const DAMAGED = "The bundle is damaged: push a whole copy of it. What is there is not sent again.";

const WHOLE_GOES_ON = "A whole bundle goes on from here: what is there is not sent again.";

/** What became of a push that ended before anybody knew what is in the bundle. */
export function stoppedText(
  { bytes }: PushView,
  { target, tookMs, isBad, columns, leftOver }: SummaryPlace & { readonly isBad: boolean },
): string {
  const sent = `${formatBytes(bytes.sent)} sent to ${target} in ${formatDuration(tookMs)}, ${formatBytes(bytes.there)} there before`;
  return `${sent}\nNo image is complete, so that none has its tag.\n${isBad ? WHOLE_GOES_ON : GOES_ON}\n${leftOverText(
    leftOver,
    columns,
  )
    .map((line) => `${line}\n`)
    .join("")}`;
}

/** `registry.example:5000/namespace` */
export function nameOfTarget({ host, namespace }: PushTarget): string {
  return namespace === "" ? host : `${host}/${namespace}`;
}

const INDENT = 8;

/** What a push would do. */
export function surveyText(images: readonly SurveyedImage[], target: string, columns: number): string {
  const missing = images.reduce((sum, { missingBytes }) => sum + missingBytes, 0);
  const there = images.filter(({ isThere }) => isThere).length;
  return [
    ...images.flatMap(({ image, isThere, missingBytes, problem }) => {
      const state = (isThere ? "there" : formatBytes(missingBytes)).padStart(8);
      const text = `${image.name} → ${placeOf(image)}${problem === undefined ? "" : ` (${problem})`}`;
      return wrapText(text, columns, INDENT + 2).map((line, at) =>
        at === 0 ? `${state}  ${line}` : `${" ".repeat(INDENT + 2)}${line}`,
      );
    }),
    "",
    ...wrapText(
      `${count(images.length - there, "image")} to push to ${target}, ${there} there; ${formatBytes(missing)} to send. Nothing was sent.`,
      columns,
      0,
    ),
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
