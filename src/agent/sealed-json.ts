import type { Ports } from "./ports.ts";

type Sha256 = Ports["sha256"];

/** One line that names the schema and the checksum of the body, then the body as JSON on the next line. */
export function sealJson(schema: string, value: unknown, sha256: Sha256): Uint8Array {
  return new TextEncoder().encode(seal(schema, JSON.stringify(value), sha256));
}

/** Undefined unless the bytes are, to the last one, what `sealJson` has written under this schema. */
export function openSealedJson(schema: string, bytes: Uint8Array, sha256: Sha256): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const [, body = ""] = text.split("\n");
    return text === seal(schema, body, sha256) ? JSON.parse(body) : undefined;
  } catch {
    return undefined;
  }
}

function seal(schema: string, body: string, sha256: Sha256): string {
  const checksum = sha256(new TextEncoder().encode(body));
  return `${JSON.stringify({ schema, checksum })}\n${body}\n`;
}
