import type { Nature } from "./scan.ts";
import { BLOCK, parseHeader } from "./tar/parse-header.ts";

/** What bytes are, by the first BLOCK of them: names of files are not asked. */
export function recogniseNature(head: Uint8Array): Nature {
  const begins = (...bytes: readonly number[]) => bytes.every((byte, at) => head[at] === byte);
  if (begins(0x1f, 0x8b, 0x08)) return "gzip";
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  if (begins(0x28, 0xb5, 0x2f, 0xfd) || isSkippableFrame(head)) return "zstd";
  if (begins(0x42, 0x5a, 0x68) && (head[4] === 0x31 || head[4] === 0x17)) return "bzip2";
  if (head.length < BLOCK) return "other";
  const first = parseHeader(head.subarray(0, BLOCK));
  return first.is === "header" || first.is === "zero" ? "tar" : "other";
}

/** Of https://www.rfc-editor.org/rfc/rfc8878, 3.1.2; pzstd and seekable files begin with one. */
function isSkippableFrame(head: Uint8Array): boolean {
  return ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
}
