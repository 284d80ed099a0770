import { RegistryError } from "../../registry/registry-error.ts";
import { ElsewhereError } from "./elsewhere-error.ts";
import { ExhaustedError } from "./retrier.ts";

/** Nobody answers, or nobody is let in: whatever else is tried will end so, too. */
export function endsAll(error: unknown): boolean {
  if (error instanceof ExhaustedError) return error.endsPush;
  if (error instanceof ElsewhereError) return false;
  return (
    error instanceof RegistryError && error.code !== "credentials-refused" && error.code !== "token-refused"
  );
}
