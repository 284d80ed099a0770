import type { MirrorCapability } from "./desired-state.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader, PlacedText } from "./map-reader.ts";
import { quote } from "./text.ts";

export const ALL_CAPABILITIES: readonly MirrorCapability[] = ["pull", "resolve"];

/** `capabilities`, always in the order pull, resolve; both when absent. */
export function readCapabilities(entry: MapReader, log: IssueLog): readonly MirrorCapability[] {
  const given = entry.texts("capabilities");
  if (given === undefined) return ALL_CAPABILITIES;
  const known = given.filter((item) => isCapability(item, log)).map(({ text }) => text);
  const capabilities = ALL_CAPABILITIES.filter((capability) => known.includes(capability));
  if (given.length === 0) {
    log.error(
      "capability-unknown",
      entry.keyAt("capabilities"),
      "an empty list means all capabilities to containerd",
      "write [pull, resolve]",
    );
  } else if (known.length > 0 && !known.includes("pull")) {
    const message =
      "without pull the mirror still gets the requests for content: containerd checks capabilities only when it resolves a tag";
    log.warn("capability-no-pull", entry.keyAt("capabilities"), message, "write [pull, resolve]");
  }
  return capabilities;
}

/** `dialTimeout`, a positive Go duration. */
export function readDialTimeout(entry: MapReader, log: IssueLog): string | undefined {
  const given = entry.text("dialTimeout");
  if (given === undefined) return undefined;
  if (/^(?:\d{1,6}(?:\.\d{1,6})?(?:ms|us|µs|ns|s|m|h)){1,4}$/.test(given.text) && /[1-9]/.test(given.text))
    return given.text;
  log.error(
    "dial-timeout",
    given.at,
    `${quote(given.text)} is not a duration, and containerd would drop the whole file`,
    "write a number with its unit, such as 1s or 500ms",
  );
  return undefined;
}

function isCapability({ text, at }: PlacedText, log: IssueLog): boolean {
  if ((ALL_CAPABILITIES as readonly string[]).includes(text)) return true;
  const reason =
    text === "push"
      ? "nothing on a node pushes to a mirror"
      : "a capability that the installed containerd does not know makes it drop the whole file and pull from the upstream";
  log.error(
    "capability-unknown",
    at,
    `${quote(text)} is not a capability here: ${reason}`,
    "use pull and resolve",
  );
  return false;
}
