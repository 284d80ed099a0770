import { plainText } from "../core/plain-text.ts";
import { shorten } from "../core/shorten.ts";

const WIDEST = 110;
const NARROWEST = 40;

/** Breaks a text between words so that it fits beside an indent; `columns` undefined leaves it whole. */
export function wrapText(text: string, columns: number | undefined, indent: number): readonly string[] {
  if (columns === undefined) return [text];
  const width = Math.max(NARROWEST, Math.min(columns, WIDEST)) - indent;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The same with the lines after the first one indented. */
export function hangText(text: string, columns: number | undefined): readonly string[] {
  return wrapText(text, columns, 2).map((line, at) => (at === 0 ? line : `  ${line}`));
}

/** What goes to a terminal as `mirrorlet: …`, broken between words; anything else as it is. */
export function wrapMessage(text: string, columns: number): string {
  if (!text.startsWith("mirrorlet: ")) return text;
  return text
    .split("\n")
    .flatMap((line) => hangText(line, columns))
    .join("\n");
}

/** At most so long, with a mark where it was cut. */
export function clipText(text: string, width: number): string {
  return shorten(plainText(text), width);
}
