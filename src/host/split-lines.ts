/** Cuts a stream of bytes into lines of text. One longer than `maxBytes` is left out, and never kept in memory. */
export function splitLines(maxBytes: number, onLine: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let size = 0;
  const keep = (part: Buffer): void => {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else parts = [];
  };
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      keep(chunk.subarray(start, end));
      if (size <= maxBytes) onLine(Buffer.concat(parts).toString("utf8"));
      parts = [];
      size = 0;
      start = end + 1;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  };
}
