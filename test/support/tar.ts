/** An entry of an archive that a test writes, in order or out of it. */
export interface TarPart {
  readonly name: string;
  readonly content?: Uint8Array | string;
  /** Default `0`, a file. */
  readonly type?: string;
  readonly linkName?: string;
  /** What the header says, where it is not the content's. Bytes stand in the field as they are. */
  readonly size?: number | Uint8Array;
  readonly prefix?: string;
  /** Default `ustar` of POSIX. */
  readonly magic?: string;
  /** Instead of the right one. */
  readonly checksum?: number;
}

/** An archive of these entries, with its end mark unless `cut`. */
export function tarOf(parts: readonly TarPart[], { cut = false } = {}): Buffer {
  const blocks = parts.flatMap((part) => [headerOf(part), padded(bytesOf(part))]);
  return Buffer.concat([...blocks, Buffer.alloc(cut ? 0 : 1024)]);
}

/** A pax header of records, in front of what it is for. */
export function paxPart(records: Readonly<Record<string, string>>, type = "x"): TarPart {
  const lines = Object.entries(records).map(([key, value]) => {
    const body = Buffer.byteLength(` ${key}=${value}\n`);
    const digits = String(body + String(body).length).length;
    return `${body + digits} ${key}=${value}\n`;
  });
  return { name: "PaxHeaders/x", type, content: lines.join("") };
}

function headerOf(part: TarPart): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number) =>
    header.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  header.write(part.name, 0, 100);
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  const { size = bytesOf(part).length } = part;
  if (typeof size === "number") octal(size, 124, 12);
  else header.set(size, 124);
  octal(0, 136, 12);
  header.write(`        ${part.type ?? "0"}`, 148);
  header.write(part.linkName ?? "", 157, 100);
  header.write(part.magic ?? "ustar\u000000", 257);
  header.write(part.prefix ?? "", 345, 155);
  octal(part.checksum ?? header.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return header;
}

function bytesOf({ content = "" }: TarPart): Buffer {
  return Buffer.from(content as Uint8Array);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
