import type { Files } from "./ports.ts";
import type { Condition } from "./report.ts";

/** With this file present what is in force stays in force, whatever the feed or the desired state says; drift is repaired. */
export const PIN_PATH = "/etc/mirrorlet/pin";

const MOST_SHOWN = 200;

/** Undefined: there is no pin. Its first line is the operator's reason, for whoever looks later. */
export async function readPin(files: Pick<Files, "read">): Promise<Condition | undefined> {
  const file = await files.read(PIN_PATH);
  if (file === undefined) return undefined;
  const [line = ""] = new TextDecoder().decode(file.bytes.subarray(0, 4 * MOST_SHOWN)).split("\n");
  const reason = line.replace(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, " ").trim();
  const shown = reason.length > MOST_SHOWN ? `${reason.slice(0, MOST_SHOWN - 1)}…` : reason;
  const why = shown === "" ? "" : ` (${shown})`;
  return {
    type: "Pinned",
    message: `what is in force stays while ${PIN_PATH} exists${why}: remove it to take what is wanted now`,
  };
}
