/**
 * Why a bundle cannot be read. `unknown`: no bundle at all; `damaged`: cut off or broken on the way; `refused`: made to
 * mislead or to exhaust whoever reads it; `unsupported`: sound, but of a kind that is not read; `unreadable`: the machine
 * does not give it out, so that nothing is known of it.
 */
export type BundleErrorCode = "unknown" | "damaged" | "refused" | "unsupported" | "unreadable";

/** Its message names the archive, the entry and the entry's offset where there are such. */
export class BundleError extends Error {
  override readonly name = "BundleError";
  readonly code: BundleErrorCode;
  constructor(code: BundleErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}
