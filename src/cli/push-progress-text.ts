import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import type { ActiveBlob, PushView } from "../core/bundle/push/push-progress.ts";

/** More rows than that would leave no terminal as it is. */
const MOST_ROWS = 8;

/** The lines of a push under way, each at most `columns` wide: all of it first, then what is being sent. */
export function progressLines(view: PushView, columns: number): readonly string[] {
  const sending = view.active.filter(({ bytes }) => bytes > 0).slice(0, MOST_ROWS);
  const head = overall(view);
  return [head.slice(0, columns - 1), ...sending.map((blob) => row(blob, columns - 1))];
}

/** The same in one line, for where lines stay. */
export function progressLine(view: PushView): string {
  return overall(view).trim();
}

function overall(view: PushView): string {
  const { images, bytes, bytesPerSecond, leftMs, retries, reading, hasRead } = view;
  if (reading !== undefined) return readingLine(view, reading);
  const ended = images.there + images.pushed + images.failed;
  const sent = bytes.total === 0 ? 100 : Math.floor((bytes.done / bytes.total) * 100);
  // All bytes have gone out, and the registry has not taken them yet: they may go once more.
  const share = ended < images.total ? Math.min(99, sent) : sent;
  return [
    // It has been at 100 % when all had come by.
    ...(hasRead ? [] : [`${String(share).padStart(3)} %`]),
    `image ${ended} of ${images.total}`,
    `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`,
    ...(bytesPerSecond > 0 ? [`${formatBytes(bytesPerSecond)}/s`] : []),
    ...(leftMs === undefined || hasRead ? [] : [`${formatDuration(leftMs)} left`]),
    ...(images.failed > 0 ? [`${images.failed} failed`] : []),
    ...(retries > 0 ? [`${retries} retried`] : []),
  ].join("  ");
}

/** How much of a bundle has come by: images are known in the end. */
function readingLine(
  { bytes, bytesPerSecond, leftMs, retries }: PushView,
  reading: NonNullable<PushView["reading"]>,
): string {
  const { bytes: read, total } = reading;
  const share = total === undefined || total === 0 ? undefined : Math.floor((read / total) * 100);
  return [
    ...(share === undefined ? [] : [`${String(share).padStart(3)} %`]),
    `${formatBytes(read)}${total === undefined ? "" : ` of ${formatBytes(total)}`} read`,
    // While it is only read, nobody waits for that.
    ...(bytes.sent > 0 ? [`${formatBytes(bytes.sent)} sent`] : []),
    ...(bytesPerSecond > 0 ? [`${formatBytes(bytesPerSecond)}/s`] : []),
    ...(leftMs === undefined ? [] : [`${formatDuration(leftMs)} left`]),
    ...(retries > 0 ? [`${retries} retried`] : []),
  ].join("  ");
}

function row({ repository, digest, size, bytes }: ActiveBlob, width: number): string {
  const amount = `${formatBytes(bytes)} of ${formatBytes(size)}`;
  const short = digest.slice(digest.indexOf(":") + 1).slice(0, 12);
  const start = `       ${amount.padEnd(20)}  ${short}  `;
  const room = width - start.length;
  // The end tells more than the namespace that all of them share.
  return `${start}${repository.length <= room ? repository : `…${repository.slice(1 - room)}`}`.slice(
    0,
    width,
  );
}
