import type { Mode } from "../../core/fleet/node-status.ts";
import type { Phase } from "../../core/fleet/phase.ts";
import type { EndReason } from "./node-entry.ts";

/** What happens, for counts and for the log. */
export type FeedEvent =
  | { readonly kind: "connection-dropped"; readonly why: "busy" | "full" }
  | {
      readonly kind: "stream-refused";
      readonly why: RefusedReason;
      readonly peer: string;
      readonly message: string;
    }
  | { readonly kind: "stream-opened"; readonly node: string; readonly peer: string }
  | {
      readonly kind: "stream-ended";
      readonly node: string;
      readonly why: EndReason | "by-node" | "bad-message";
    }
  | { readonly kind: "cloned"; readonly node: string }
  | { readonly kind: "report"; readonly node: string; readonly phase: Phase }
  | { readonly kind: "unknown-message"; readonly node: string }
  | { readonly kind: "throttled"; readonly node: string }
  | { readonly kind: "assigned"; readonly node: string; readonly mode: Mode; readonly id: string }
  | { readonly kind: "conflated" }
  | {
      readonly kind: "status-write";
      readonly outcome: "ok" | "conflict" | "error";
      readonly statuses: number;
      readonly tookMs: number;
    }
  | { readonly kind: "engine-error"; readonly message: string }
  | { readonly kind: "bundle-missing"; readonly digest: string; readonly message: string }
  | { readonly kind: "seat"; readonly id: string | undefined }
  /** The clocks of this machine and of the controller are too far apart, or no longer are. */
  | { readonly kind: "clock"; readonly offMs: number; readonly isOff: boolean }
  | { readonly kind: "broken-record"; readonly key: string; readonly message: string };

export const REFUSED_REASONS = ["certificate", "denied", "hello", "too-often", "full", "draining"] as const;

export type RefusedReason = (typeof REFUSED_REASONS)[number];
