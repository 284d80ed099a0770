import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Every path below `dir` with kind, mode, inode, time of change and content: equal only when nobody wrote. */
export async function snapshot(dir: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode, ino, ctimeNs } = await lstat(path, { bigint: true });
    // A directory's times change with temporary files that come and go in it; its entries are listed anyway.
    const identity = entry.isDirectory() ? `${mode} ${ino}` : `${mode} ${ino} ${ctimeNs}`;
    const content = entry.isFile()
      ? await readFile(path, "base64")
      : entry.isSymbolicLink()
        ? await readlink(path)
        : "";
    found[path] = `${identity} ${content}`;
  }
  return found;
}
