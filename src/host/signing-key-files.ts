import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { readSigningKey, type SigningKeyResult } from "./ed25519.ts";

const MOST_BYTES = 64 * 1024;

/**
 * The private key in a file, or in a pipe, so that one that is kept encrypted need not be written down:
 * `--key <(openssl pkey -in FILE)`. As ssh does, one that others than its owner can get at is refused: who has read it
 * can put any desired state in force on every node that trusts it.
 */
export function readSigningKeyFile(path: string): SigningKeyResult {
  let fd: number | undefined;
  try {
    const isPipe = statSync(path).isFIFO();
    // A pipe is waited for; nothing that was put in its place since then is.
    fd = openSync(path, constants.O_RDONLY | (isPipe ? 0 : constants.O_NONBLOCK));
    const stats = fstatSync(fd);
    if (!stats.isFile() && !(isPipe && stats.isFIFO()))
      return { ok: false, message: "it is neither a file nor a pipe" };
    const own = process.getuid?.() ?? 0;
    if (stats.uid !== own && stats.uid !== 0)
      return { ok: false, message: `it belongs to user ${stats.uid}, who could exchange it: it is not used` };
    if ((stats.mode & 0o077) !== 0) {
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
      return {
        ok: false,
        message: `others can get at it (mode ${mode}): it is not used; chmod 600 ${path}, and if anybody may have read it, make another`,
      };
    }
    const pem = readAtMost(fd, MOST_BYTES);
    return pem === undefined ? { ok: false, message: "it is too large for a key" } : readSigningKey(pem);
  } catch (error) {
    return { ok: false, message: describe(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Undefined where there is more. */
function readAtMost(fd: number, limit: number): string | undefined {
  const buffer = Buffer.alloc(limit + 1);
  let length = 0;
  while (length <= limit) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.toString("utf8", 0, length);
    length += count;
  }
  return undefined;
}

/**
 * Writes `path` (0600) and `path.pub`, both new and durable. Why not, when not: then neither is there that was not there
 * before, and what was there is as it was.
 */
export function writeKeyPair(
  path: string,
  { privatePem, publicPem }: { readonly privatePem: string; readonly publicPem: string },
): string | undefined {
  const written: string[] = [];
  for (const [file, text, mode] of [
    [path, privatePem, 0o600],
    [`${path}.pub`, publicPem, 0o644],
  ] as const) {
    const refusal = writeNew(file, text, mode, written);
    if (refusal === undefined) continue;
    for (const own of written) rmSync(own, { force: true });
    return refusal;
  }
  return undefined;
}

function writeNew(path: string, text: string, mode: number, written: string[]): string | undefined {
  try {
    // Never over a key that is there, nor through a link.
    const fd = openSync(path, "wx", mode);
    written.push(path);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncDirectory(dirname(path));
    return undefined;
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    return isThere ? `${path} is there already: a key is never written over` : `${path}: ${describe(error)}`;
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file or directory";
  return code === "EACCES" ? "this user may not" : message;
}
