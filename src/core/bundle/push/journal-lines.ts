import type { Digest } from "../bundle.ts";
import { field, readJson, textField } from "../read-json.ts";

/**
 * What a push wrote down of a registry, a JSON document a line: hints for the next push, which asks before it believes
 * them. So that a line that is old, torn or missing costs a request or a blob, and never a wrong image.
 */
export type JournalLine =
  /** The first of all. */
  | { readonly kind: "target"; readonly target: string }
  /** The repository has the blob, or was about to get it. */
  | { readonly kind: "blob"; readonly digest: Digest; readonly repository: string }
  /** The repository has nothing any more that was noted before. */
  | { readonly kind: "emptied"; readonly repository: string }
  /** All of a source was pushed. */
  | { readonly kind: "done"; readonly source: string; readonly images: readonly DoneImage[] };

export interface DoneImage {
  readonly name: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest;
  /** Manifests that a list names, at any depth: a registry may have a list without them. */
  readonly below: readonly Digest[];
  /** Of its blobs. */
  readonly bytes: number;
}

const SCHEMA = "mirrorlet.push-journal/v1";

export function journalLine(line: JournalLine): string {
  switch (line.kind) {
    case "target":
      return `${JSON.stringify({ schema: SCHEMA, target: line.target })}\n`;
    case "blob":
      return `${JSON.stringify({ blob: line.digest, in: line.repository })}\n`;
    case "emptied":
      return `${JSON.stringify({ emptied: line.repository })}\n`;
    case "done":
      return `${JSON.stringify({ done: line.source, images: line.images })}\n`;
    default:
      return line satisfies never;
  }
}

/** Undefined: it is none, as the last line of a program that was killed may be. */
export function parseJournalLine(text: string): JournalLine | undefined {
  const value = readJson(new TextEncoder().encode(text));
  if (textField(value, "schema") === SCHEMA)
    return { kind: "target", target: textField(value, "target") ?? "" };
  const digest = textField(value, "blob");
  const repository = textField(value, "in");
  if (digest !== undefined && repository !== undefined) return { kind: "blob", digest, repository };
  const emptied = textField(value, "emptied");
  if (emptied !== undefined) return { kind: "emptied", repository: emptied };
  const source = textField(value, "done");
  const images = field(value, "images");
  if (source === undefined || !Array.isArray(images)) return undefined;
  const read = images.map(readDoneImage);
  return read.every((image) => image !== undefined) ? { kind: "done", source, images: read } : undefined;
}

function readDoneImage(value: unknown): DoneImage | undefined {
  const [name, repository, digest] = ["name", "repository", "digest"].map((key) => textField(value, key));
  const bytes = field(value, "bytes");
  const below = field(value, "below");
  if (name === undefined || repository === undefined || digest === undefined || typeof bytes !== "number")
    return undefined;
  if (!Array.isArray(below) || !below.every((one) => typeof one === "string")) return undefined;
  return { name, repository, digest, below, bytes, tag: textField(value, "tag") };
}
