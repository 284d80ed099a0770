import type { RequestUrl } from "./request-url.ts";

/** A request as containerd told of it: not yet known whose it is. Times are wall clock, ms since the epoch. */
export interface RawRequest {
  /** The span that it was made in. */
  readonly parentId: string;
  readonly isToken: boolean;
  readonly method: string;
  readonly url: RequestUrl;
  readonly startMs: number;
  readonly endMs: number;
  readonly status?: number;
  readonly error?: string;
}

/** A host that did not resolve the manifest, as containerd logs it at level info. */
export interface SkippedHost {
  readonly host: string;
  /** `answered 404`, or `gave no usable answer` where the log keeps the cause to itself. */
  readonly reason: string;
}
