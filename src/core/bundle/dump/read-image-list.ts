import { fullName } from "../name-image.ts";

export type ImageListResult =
  | { readonly ok: true; readonly names: readonly string[] }
  /** A sentence for each line that is none. */
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Full names, each once: one a line; empty lines and what follows a `#` at the start or after white space do not count.
 * `source`: the file that problems name; undefined: it is none.
 */
export function readImageList(text: string, source: string | undefined): ImageListResult {
  const names = new Set<string>();
  const problems: string[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const image = line.replace(/(?:^|\s)#.*$/, "").trim();
    if (image === "") continue;
    const name = fullName(image);
    if (name === undefined)
      problems.push(
        `${source === undefined ? "" : `${source}:${at + 1}: `}${JSON.stringify(image.slice(0, 120))} is no name of an image`,
      );
    else names.add(name);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, names: [...names] };
}
