/** Why containerd drops a whole hosts.toml; stable, for findings. */
export type DropCode =
  | "syntax"
  | "bom"
  | "encoding"
  | "header-bracket"
  | "no-host-table"
  | "type"
  | "capability"
  | "url"
  | "duration";

/**
 * Carries a drop from deep inside the reader to its entry, which turns it into a value. Never leaves it.
 */
export class Rejection extends Error {
  override readonly name = "Rejection";
  readonly code: DropCode;
  readonly line: number | undefined;
  readonly column: number | undefined;
  constructor(code: DropCode, reason: string, place?: { readonly line: number; readonly column: number }) {
    super(reason);
    this.code = code;
    this.line = place?.line;
    this.column = place?.column;
  }
}
