import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "../registry/answer-error.ts";
import { ExhaustedError, mayPass } from "../registry/retrier.ts";
import { ForeignLayersError } from "./foreign-layers.ts";
import { IncompleteImageError } from "./require-absent.ts";
import { SparseListError } from "./sparse-list.ts";
import { isDamage } from "./verified-bytes.ts";

/** Pushing again would end so, too, until somebody changes the bundle, the registry or the command. */
export function needsChange(error: unknown): boolean {
  if (error instanceof ExhaustedError) {
    const { cause, isFull } = error;
    return isFull || (cause instanceof AnswerError && cause.isManifestPut && cause.status === 500);
  }
  if (error instanceof AnswerError || error instanceof RegistryError) return !mayPass(error);
  return (
    isDamage(error) ||
    error instanceof IncompleteImageError ||
    error instanceof SparseListError ||
    error instanceof ForeignLayersError
  );
}
