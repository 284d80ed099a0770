import type { LoggedFallback } from "./evidence-report.ts";
import type { PullNotice } from "./pull.ts";

/** What a line of containerd's log tells of pulls. */
export type LogFinding =
  | { readonly kind: "fallback"; readonly fallback: LoggedFallback }
  | { readonly kind: "failed-pull"; readonly notice: PullNotice }
  /** A hosts.toml that containerd does not read as a whole: its mirrors are not used. 1.x does not say which one. */
  | { readonly kind: "dropped-hosts-file"; readonly path?: string; readonly error: string }
  /** No mirror served a request, and the line does not say for which registry. */
  | { readonly kind: "unattributed" };
