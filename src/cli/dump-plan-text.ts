import type { PlannedDump } from "../core/bundle/dump/plan-images.ts";
import { formatBytes } from "../core/bundle/push/format-amount.ts";
import { plainText } from "../core/plain-text.ts";
import { count } from "./bundle-text.ts";
import { leftOutLines } from "./dump-text.ts";
import { wrapText } from "./wrap-text.ts";

const WIDTH = "999 MB".length + 2;

/** What a dump would fetch: a row for each image, what is left out, and what it is all together. Ends with a newline. */
export function dumpPlanText({ plan, images, referrers }: PlannedDump, columns: number | undefined): string {
  const row = (fetched: string, size: string, name: string): string =>
    `${fetched.padStart(WIDTH)}  ${size.padStart(WIDTH)}  ${name}`;
  const about = referrers === 0 ? "" : ` and ${count(referrers, "referrer")}`;
  const bytes = plan.blobs.reduce((sum, { size }) => sum + size, 0);
  const total = `${count(images.length, "image")}${about}: ${count(plan.blobs.length, "blob")}, ${formatBytes(bytes)} to fetch. The bundle would have ${formatBytes(plan.size)} before it is compressed. Nothing was written.`;
  return [
    row("FETCH", "OF", "IMAGE"),
    ...images.map(({ name, bytes: size, newBytes }) =>
      row(formatBytes(newBytes), formatBytes(size), plainText(name)),
    ),
    "",
    ...leftOutLines(plan, columns),
    ...wrapText(total, columns, 0),
    "",
  ].join("\n");
}
