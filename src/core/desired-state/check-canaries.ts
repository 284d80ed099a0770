import { namespaceOfImage } from "./check-image-reference.ts";
import type { IssueLog } from "./issue-log.ts";
import type { ParsedDesiredState } from "./parsed-state.ts";
import { quote } from "./text.ts";

/** Canaries must be image references, and say something only where a mirror stands before their registry. */
export function checkCanaries(
  parsed: Pick<ParsedDesiredState, "canaries" | "namespaces">,
  log: IssueLog,
): readonly string[] {
  for (const { text, at } of parsed.canaries) {
    const namespace = namespaceOfImage(text);
    if (namespace === undefined) {
      log.error(
        "canary-invalid",
        at,
        `${quote(text)} is not an image reference`,
        "write registry/repository:tag, such as gcr.io/google-containers/pause:3.9",
      );
    } else if (!parsed.namespaces.has(namespace) && !parsed.namespaces.has("*")) {
      const message = `the canary's registry ${namespace} has no mirror, so its pull proves nothing about mirrors`;
      log.warn("canary-not-mirrored", at, message, "name an image of a mirrored registry");
    }
  }
  return [...new Set(parsed.canaries.map(({ text }) => text))];
}
