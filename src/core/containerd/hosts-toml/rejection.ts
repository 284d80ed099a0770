/** Why containerd drops a whole hosts.toml; stable, for findings. */
export type DropCode = Exclude<RejectionCode, "panic">;

/** `panic`: it does not drop the file but dies of it. */
type RejectionCode =
  | "panic"
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
 * Carries the end of a file from deep inside the reader to its entry, which turns it into a value. Never leaves it.
 */
export class Rejection extends Error {
  override readonly name = "Rejection";
  readonly code: RejectionCode;
  readonly line: number | undefined;
  readonly column: number | undefined;
  constructor(
    code: RejectionCode,
    reason: string,
    place?: { readonly line: number; readonly column: number },
  ) {
    super(reason);
    this.code = code;
    this.line = place?.line;
    this.column = place?.column;
  }
}
