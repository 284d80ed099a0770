import { count } from "./bundle-text.ts";

/** `gcr.io/a/b:1 and 2 more images` */
export function namesText([first = "", ...more]: readonly string[]): string {
  return more.length === 0 ? first : `${first} and ${count(more.length, "more image")}`;
}
