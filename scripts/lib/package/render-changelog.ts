export interface ChangelogInput {
  readonly version: string;
  readonly maintainer: string;
  /** Seconds. */
  readonly epoch: number;
}

/** Debian's changelog(5) of one entry: the newest section of ours. */
export function renderChangelog(text: string, { version, maintainer, epoch }: ChangelogInput): string {
  const section = text.split(/^## /m)[1] ?? "";
  const items = section
    .split(/^- /m)
    .slice(1)
    .map((item) => item.split(/\n\s*\n|\n#/)[0] ?? "");
  const lines = items.map((item) =>
    wrap(
      item
        .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .replace(/\s+/g, " ")
        .trim(),
    ),
  );
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `mirrorlet (${version}) unstable; urgency=medium\n\n${lines.join("\n")}\n\n -- ${maintainer}  ${date}\n`;
}

function wrap(text: string): string {
  const lines: string[] = [];
  let line = "  *";
  for (const word of text.split(" ")) {
    if (line.length + word.length >= 78) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}
