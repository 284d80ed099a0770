import type { Place } from "../issue.ts";
import type { IssueLog } from "./issue-log.ts";
import { LIMITS } from "./limits.ts";
import type { SourceFile } from "./source-file.ts";

/** The text of a source file without its BOM; undefined, with an issue, when it is too large or not UTF-8 text. */
export function decodeSource(file: SourceFile, log: IssueLog): string | undefined {
  const start: Place = { file: file.name, line: 1, column: 1 };
  if (file.bytes.length > LIMITS.sourceBytes) {
    const message = `the file has ${file.bytes.length} bytes, more than the ${LIMITS.sourceBytes} that are read; nothing of it is applied`;
    log.error("too-large", start, message, "split it, or remove what is not needed");
    return undefined;
  }
  const text = decodeUtf8(file.bytes);
  if (text === undefined) {
    log.error(
      "not-utf8",
      placeOfBadByte(file),
      "the file is not UTF-8 text, so nothing of it is applied",
      startsLikeUtf16(file.bytes) ? "it looks like UTF-16: save it as UTF-8" : "save it as UTF-8",
    );
    return undefined;
  }
  return withoutControls(file.name, text, log);
}

/** Undefined when the bytes are not UTF-8. A leading BOM is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function withoutControls(file: string, text: string, log: IssueLog): string | undefined {
  const at = text.search(/[\0-\x08\v\f\x0e-\x1f\x7f]/);
  if (at < 0) return text;
  const code = text.charCodeAt(at).toString(16).padStart(2, "0");
  const what = code === "00" ? "a NUL byte" : `the control character 0x${code}`;
  const fix = "remove it; a file full of NULs was cut off by a crash and must be written again";
  log.error(
    "control-character",
    placeOf(file, text, at),
    `the file holds ${what}; nothing of it is applied`,
    fix,
  );
  return undefined;
}

function placeOf(file: string, text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { file, line: before.split("\n").length, column: offset - lineStart + 1 };
}

function placeOfBadByte(file: SourceFile): Place {
  let line = 1;
  let start = 0;
  while (start <= file.bytes.length) {
    const end = file.bytes.indexOf(0x0a, start);
    const bytes = file.bytes.subarray(start, end < 0 ? undefined : end);
    if (decodeUtf8(bytes) === undefined) {
      const column = new TextDecoder().decode(bytes).indexOf("\ufffd") + 1;
      return { file: file.name, line, column: Math.max(1, column) };
    }
    if (end < 0) break;
    start = end + 1;
    line++;
  }
  return { file: file.name, line: 1, column: 1 };
}

function startsLikeUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
