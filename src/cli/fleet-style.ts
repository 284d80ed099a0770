import { plainText } from "../core/plain-text.ts";
import type { Paint } from "./paint.ts";
import { wrapText } from "./wrap-text.ts";

export interface FleetStyle {
  readonly paint: Paint;
  /** Of the terminal; undefined: it is none, and lines stay whole. */
  readonly columns?: number | undefined;
}

export function wrapped(
  text: string,
  { paint, columns }: FleetStyle,
  ...codes: readonly number[]
): readonly string[] {
  return wrapText(plainText(text), columns, 0).map((line) => paint(line, ...codes));
}
