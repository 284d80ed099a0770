import { bundleSize, countBlobs, describeImage } from "../core/bundle/describe-image.ts";
import { formatBytes } from "../core/bundle/push/format-amount.ts";
import { plainText } from "../core/plain-text.ts";
import type { FoundBundle } from "./bundle-commands.ts";
import type { CommandIo } from "./command.ts";
import { hangText } from "./wrap-text.ts";

const HEAD = ["IMAGE", "PLATFORMS", "SIZE", "DIGEST"] as const;
const SHORT_DIGEST = "sha256:".length + 12;

/** A row for each image, what has to be known of some, and what it is all together. Ends with a newline. */
export function listText(found: FoundBundle, { columns }: Pick<CommandIo, "columns">): string {
  const { bundle } = found;
  const rows = bundle.images.map((image) => {
    const { platforms, size } = describeImage(image, bundle);
    const [first = "-", ...more] = platforms;
    const digest = columns === undefined ? image.top.digest : image.top.digest.slice(0, SHORT_DIGEST);
    return [
      plainText(image.name ?? "(no name)"),
      more.length === 0 ? first : `${first} +${more.length}`,
      formatBytes(size),
      image.newDigest === undefined ? digest : `${digest} (new)`,
    ];
  });
  const widths = HEAD.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const shown = columnsThatFit(widths, columns);
  const table = [HEAD, ...rows].map((row) =>
    shown
      .map((at) => (at === 2 ? row[at]?.padStart(widths[at] ?? 0) : row[at]?.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const notes = [...noteLines(found, columns), ...problemLines(found, columns)];
  return `${[...table, "", ...notes, ...(notes.length === 0 ? [] : [""]), summary(found)].join("\n")}\n`;
}

/** All of them, or without digests, or without platforms as well: names are never cut. */
function columnsThatFit(widths: readonly number[], columns: number | undefined): readonly number[] {
  const width = (some: readonly number[]): number =>
    some.reduce((sum, at) => sum + (widths[at] ?? 0) + 2, -2);
  const choices = [
    [0, 1, 2, 3],
    [0, 1, 2],
  ];
  return choices.find((some) => columns === undefined || width(some) <= columns) ?? [0, 2];
}

/** `22 images, 206 blobs, 1.4 GB: OCI layout (tar, compressed by xz)` */
export function summary({ bundle, container }: FoundBundle): string {
  const { images, shapes } = bundle;
  const amounts = [
    count(images.length, "image"),
    count(countBlobs(bundle), "blob"),
    formatBytes(bundleSize(bundle)),
  ];
  return `${amounts.join(", ")}: ${shapes.join(" and ")} (${container})`;
}

/** What is wrong, the worst first. */
export function problemLines({ problems }: FoundBundle, columns: number | undefined): readonly string[] {
  const order = ["error", "left-out", "warning"];
  return [...problems]
    .sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
    .flatMap(({ severity, code, message }) => {
      const label = severity === "warning" ? "warning" : "error";
      return hangText(`${label}: ${plainText(message)} (${code})`, columns);
    });
}

/** Of those that are told as errors. */
export function countBad({ problems }: FoundBundle): number {
  return problems.filter(({ severity }) => severity !== "warning").length;
}

/** Images that do not keep their digest: each reason once. */
export function noteLines({ bundle }: FoundBundle, columns: number | undefined): readonly string[] {
  return bundle.images.flatMap(({ name, top, newDigest }) =>
    newDigest === undefined ? [] : hangText(`note: ${plainText(name ?? top.digest)}: ${newDigest}`, columns),
  );
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
