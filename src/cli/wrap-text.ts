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
