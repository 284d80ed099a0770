import type { Place } from "../issue.ts";
import type { PlacedText } from "./map-reader.ts";
import type { MirrorWish, ParsedMirror } from "./parsed-state.ts";

/** Gathers the mirrors of each namespace in order of appearance: one wish a namespace. */
export class WishCollector {
  readonly #mirrors = new Map<string, { readonly at: Place; readonly mirrors: ParsedMirror[] }>();

  add(namespace: PlacedText, mirror: ParsedMirror | undefined): void {
    const wish = this.#mirrors.get(namespace.text) ?? { at: namespace.at, mirrors: [] };
    this.#mirrors.set(namespace.text, wish);
    if (mirror !== undefined) wish.mirrors.push(mirror);
  }

  get namespaces(): readonly string[] {
    return [...this.#mirrors.keys()];
  }

  get wishes(): readonly MirrorWish[] {
    return [...this.#mirrors]
      .filter(([, { mirrors }]) => mirrors.length > 0)
      .map(([namespace, wish]) => ({ namespace, ...wish }));
  }
}
