import type { Paint } from "./paint.ts";
import { wrapText } from "./wrap-text.ts";

export type Cell = string | { readonly text: string; readonly codes: readonly number[] };

export interface TableStyle {
  readonly paint: Paint;
  /** Of the terminal; undefined: lines stay whole. */
  readonly columns?: number | undefined;
  readonly indent?: number;
  /** Columns of numbers, by index. */
  readonly right?: readonly number[];
}

/** Rows whose columns stand below each other; the last cell of a row is free text, and wrapped where it stands. */
export function layoutTable(rows: readonly (readonly Cell[])[], style: TableStyle): readonly string[] {
  const { indent = 0 } = style;
  const widths = findWidths(rows);
  return rows.flatMap((row) => {
    const last = row.length - 1;
    const head = row.slice(0, last).map((cell, column) => pad(cell, column, widths[column] ?? 0, style));
    const start = indent + head.reduce((sum, _, column) => sum + (widths[column] ?? 0) + 2, 0);
    const cell = row[last] ?? "";
    const isNumber = style.right?.includes(last) === true;
    const tail = isNumber
      ? [pad(cell, last, widths[last] ?? 0, style)]
      : wrapText(textOf(cell), style.columns, start).map((line) => style.paint(line, ...codesOf(cell)));
    const [first = "", ...more] = tail;
    return [
      `${" ".repeat(indent)}${[...head, first].join("  ")}`.trimEnd(),
      ...more.map((line) => `${" ".repeat(start)}${line}`),
    ];
  });
}

/** Of a column that is the last one in every row of it, the width does not matter. */
function findWidths(rows: readonly (readonly Cell[])[]): readonly number[] {
  const most = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: most }, (_, column) => {
    const cells = rows.flatMap((row) =>
      column < row.length - 1 || row.length === most ? [row[column]] : [],
    );
    return Math.max(0, ...cells.map((cell) => textOf(cell ?? "").length));
  });
}

function pad(cell: Cell, column: number, width: number, { paint, right = [] }: TableStyle): string {
  const text = textOf(cell);
  return paint(right.includes(column) ? text.padStart(width) : text.padEnd(width), ...codesOf(cell));
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

function codesOf(cell: Cell): readonly number[] {
  return typeof cell === "string" ? [] : cell.codes;
}
