/** Go's path.Clean: the shortest equivalent path; `.` for nothing. */
export function cleanPath(path: string): string {
  if (path.startsWith("/") && !UNCLEAN.test(path)) return path;
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push("..");
  }
  const cleaned = (rooted ? "/" : "") + kept.join("/");
  return cleaned === "" ? "." : cleaned;
}

/** A part of a rooted path that is empty, `.` or `..`. */
const UNCLEAN = /\/\.{0,2}(?:\/|$)/;

/** Go's path.Join and, on Unix, filepath.Join: empty elements do not count, the result is cleaned. */
export function joinPath(...parts: readonly string[]): string {
  let joined = "";
  for (const part of parts) if (part !== "") joined = joined === "" ? part : `${joined}/${part}`;
  return joined === "" ? "" : cleanPath(joined);
}

/** The last element of an absolute path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
