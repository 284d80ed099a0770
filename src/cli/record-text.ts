import type { ApplyRecord } from "../agent/apply-record.ts";
import { describeGeneration } from "../agent/describe-generation.ts";
import { describeSigned, isSignedRecord } from "../agent/signed-record.ts";
import { formatMoment } from "../core/evidence/format-age.ts";
import { redactSecrets } from "../core/redact-secrets.ts";

/** What the record on disk tells of a node, for people. */
export function describeRecord(
  { generation, appliedMs, namespaces, containerdVersion, quarantine, pendingRestart, signed }: ApplyRecord,
  corrupt: boolean,
): { readonly lines: readonly string[]; readonly isTrouble: boolean } {
  if (corrupt)
    return {
      lines: ["The record of what was put in force is damaged; the next pass rebuilds it."],
      isTrouble: true,
    };
  if (appliedMs === undefined)
    return { lines: ["Nothing has been put in force on this node by mirrorlet."], isTrouble: false };
  const version = containerdVersion === undefined ? "" : `, for containerd ${containerdVersion}`;
  const pending =
    pendingRestart === undefined ? [] : [`Not finished: ${redactSecrets(PHASES[pendingRestart.phase])}.`];
  const taken =
    quarantine === undefined
      ? []
      : [
          `${capital(describeGeneration(quarantine.generation))} was taken back: ${redactSecrets(quarantine.message)}`,
        ];
  return {
    lines: [
      `${capital(describeGeneration(generation))} was put in force at ${formatMoment(appliedMs)}${version}.`,
      `Registries: ${namespaces.length === 0 ? "none" : listed(namespaces)}`,
      ...(isSignedRecord(signed) ? [`${capital(describeSigned(signed))}.`] : []),
      ...pending,
      ...taken,
    ],
    isTrouble: pending.length + taken.length > 0,
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const PHASES: Readonly<Record<NonNullable<ApplyRecord["pendingRestart"]>["phase"], string>> = {
  armed: "config.toml is being changed, and containerd has not been restarted on it",
  restarting: "containerd is being restarted on a changed config.toml",
  "rolling-back": "a changed config.toml is being taken back",
};

function listed(namespaces: readonly string[]): string {
  const more = namespaces.length > 20 ? ` and ${namespaces.length - 20} more` : "";
  return `${namespaces.slice(0, 20).join(", ")}${more}`;
}
