import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a folder and what is missing above it. Node's own `recursive` tries for ever where a parent is there and the
 * folder still is "not found", as in /proc. Throws what the file system throws.
 */
export function makeDirectories(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (isDirectory(path)) return;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw error;
    makeDirectories(dirname(path), mode);
    makeDirectory(path, mode);
  }
}

/** Somebody else may make it at this moment. */
function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
