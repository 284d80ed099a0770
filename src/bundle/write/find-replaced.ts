import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { findParts } from "../read/find-parts.ts";
import { filesBeside } from "./bundle-output.ts";

/**
 * A file that is read to write a bundle, and that the bundle would replace: by its name, that of one of its parts or of
 * all of them, through links, or in a folder that is read. Undefined: there is none.
 */
export async function findReplaced(output: string, input: string): Promise<string | undefined> {
  const place = await realpath(output).catch(() => output);
  // What a dump puts in its place, or takes away there.
  const replaced = await filesBeside(place, /^(?:\.\d{3})?$/).catch(() => []);
  const parts = (await findParts(input).catch(() => undefined))?.parts.map(({ path }) => path) ?? [input];
  const read = await Promise.all(parts.map(resolved));
  for (const file of replaced) {
    const real = await resolved(file);
    if (read.some(({ path, isFolder }) => path === real.path || (isFolder && isIn(real.path, path))))
      return file;
  }
  return undefined;
}

async function resolved(path: string): Promise<{ readonly path: string; readonly isFolder: boolean }> {
  const real = await realpath(path).catch(() => path);
  const stats = await stat(real).catch(() => undefined);
  return { path: real, isFolder: stats?.isDirectory() === true };
}

function isIn(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
