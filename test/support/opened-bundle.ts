import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { type OpenedBundle, openBundle } from "../../src/bundle/read/open-bundle.ts";
import { type VerifiedBundle, verifyBundle } from "../../src/bundle/read/verify-bundle.ts";

export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "mirrorlet-bundle-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file into a folder that goes away with the test, and returns its path. */
export function bundleFile(t: TestContext, name: string, bytes: Uint8Array): string {
  const path = join(scratch(t), name);
  writeFileSync(path, bytes);
  return path;
}

export function open(source: string): Promise<OpenedBundle> {
  return openBundle(source, { stdin: Readable.from([]), hashAll: false });
}

export function verify(source: string): Promise<VerifiedBundle> {
  return verifyBundle(source, { stdin: Readable.from([]) });
}

/** The same bytes by standard input, in small pieces. */
export function verifyPiped(bytes: Uint8Array, piece = 1000): Promise<VerifiedBundle> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, at) =>
    bytes.subarray(at * piece, (at + 1) * piece),
  );
  return verifyBundle("-", { stdin: Readable.from(pieces) });
}

/** `severity code` of each problem. */
export function codes({ problems }: VerifiedBundle): readonly string[] {
  return problems.map(({ severity, code }) => `${severity} ${code}`);
}
