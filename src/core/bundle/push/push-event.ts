import type { Digest } from "../bundle.ts";

/** How a part came to be at the registry: sent · mounted from another repository · it was there. */
export type PartEnd = "uploaded" | "mounted" | "there";

/** What happens during a push, as it happens. */
export type PushEvent =
  | { readonly kind: "image-begin"; readonly name: string }
  | ({ readonly kind: "image-end" } & ImageResult)
  | {
      readonly kind: "blob-begin";
      readonly repository: string;
      readonly digest: Digest;
      readonly size: number;
    }
  /** So many bytes of it have gone out in the present try. */
  | {
      readonly kind: "blob-sent";
      readonly repository: string;
      readonly digest: Digest;
      readonly bytes: number;
    }
  | {
      readonly kind: "blob-end";
      readonly repository: string;
      readonly digest: Digest;
      readonly size: number;
      /** Undefined: it failed. */
      readonly end: PartEnd | undefined;
      /** Bytes that went out for it, all tries together. */
      readonly sentBytes: number;
    }
  | {
      readonly kind: "retry";
      readonly what: string;
      readonly failed: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  | { readonly kind: "concurrency"; readonly limit: number }
  /** What standard input brings is sent to a staging repository, fetched from there and sent once more. */
  | { readonly kind: "sent-twice"; readonly why: string }
  /** So far a bundle that comes by in a stream has been read; undefined: nobody knows how much of it there is. */
  | { readonly kind: "read"; readonly bytes: number; readonly total: number | undefined };

/** pushed: something was sent for it · there: all of it was there already · failed · left: not tried any more. */
export interface ImageResult {
  readonly name: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest;
  readonly result: "pushed" | "there" | "failed" | "left";
  /** What its tag leads to, in place of a list that the registry does not take. */
  readonly newDigest?: Digest;
  /** Why it failed: for an operator, without secrets. */
  readonly reason?: string;
  /** It is not whole in the bundle: pushing that again would end so, too. */
  readonly isDamaged?: boolean;
  /** Pushing again would end so, too, until what `reason` tells is put right. */
  readonly needsChange?: boolean;
}
