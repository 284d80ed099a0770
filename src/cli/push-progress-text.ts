import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import type { ActiveBlob, PushView } from "../core/bundle/push/push-progress.ts";

/** The lines of a push under way, each at most `columns` wide: all of it first, then what is being sent. */
export function progressLines(view: PushView, columns: number): readonly string[] {
  return [overall(view), ...view.active.filter(({ bytes }) => bytes > 0).map(row)].map((line) =>
    cut(line, columns),
  );
}

/** The same in one line, for where lines stay. */
export function progressLine(view: PushView): string {
  return overall(view).trim();
}

function overall({ images, bytes, bytesPerSecond, leftMs, retries }: PushView): string {
  const share = bytes.total === 0 ? 100 : Math.floor((bytes.done / bytes.total) * 100);
  const ended = images.there + images.pushed + images.failed;
  return [
    `${String(share).padStart(3)} %`,
    `image ${ended} of ${images.total}`,
    `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`,
    ...(bytesPerSecond > 0 ? [`${formatBytes(bytesPerSecond)}/s`] : []),
    ...(leftMs === undefined ? [] : [`${formatDuration(leftMs)} left`]),
    ...(images.failed > 0 ? [`${images.failed} failed`] : []),
    ...(retries > 0 ? [`${retries} retried`] : []),
  ].join("  ");
}

function row({ repository, digest, size, bytes }: ActiveBlob): string {
  const amount = `${formatBytes(bytes)} of ${formatBytes(size)}`;
  return `       ${amount.padEnd(22)}  ${digest.slice(digest.indexOf(":") + 1, digest.indexOf(":") + 13)}  ${repository}`;
}

function cut(line: string, columns: number): string {
  return line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`;
}
