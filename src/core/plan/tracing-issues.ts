import type { TracesPlace } from "../containerd/tracing/traces-place.ts";
import { serviceName } from "../containerd/tracing/traces-place.ts";
import { unitOf } from "../containerd/unit-of-command.ts";
import { type ContainerdVersion, traitsOf } from "../containerd/version.ts";
import type { Issue, Place } from "../issue.ts";

/** `where`: the variable of containerd's environment, or the place in its configuration. */
export function exporterIssue(where: string | Place, version: ContainerdVersion): Issue {
  const isVariable = typeof where === "string";
  const isUnread = !isVariable && traitsOf(version).tracingSettings === "environment";
  const fact = isVariable
    ? `containerd's traces are decided by ${where} in its environment`
    : `an exporter of containerd's traces is configured here${isUnread ? `, which containerd ${version.text} does not read,` : ""}`;
  return {
    code: "containerd-traces-exporter",
    severity: "warning",
    at: isVariable ? { file: where, line: 1, column: 1 } : where,
    message: `${fact} and is left alone, so there are no traces as evidence of where pulls go`,
    fix: "set evidence.traces = false to stop being told, or remove it to have the traces sent to the agent",
  };
}

/** Of a switch that containerd did not come up well with; in its own words where it has any. */
export function tracesTakenBack(message: string): string {
  return `switching containerd's traces was taken back, and is not tried again until containerd or its configuration changes, or by mirrorlet apply: ${message}`;
}

export function foreignFileIssue({ path }: TracesPlace): Issue {
  return {
    code: "containerd-traces-foreign-file",
    severity: "warning",
    at: { file: path, line: 1, column: 1 },
    message:
      "this file was not written by mirrorlet and is left as it is, so containerd is not told to send traces as evidence of where pulls go",
    fix: "move it away, or set evidence.traces = false",
  };
}

/** Somebody has changed the unit that `restart` names, and systemd has not read it. */
export function unreadUnitIssue(restart: readonly string[]): Issue {
  const unit = serviceName(unitOf(restart)) ?? "containerd.service";
  return {
    code: "containerd-unit-unread",
    severity: "warning",
    at: { file: unit, line: 1, column: 1 },
    message: `files of ${unit} were changed and systemd has not read them yet; switching containerd's traces needs a daemon-reload, which would put that change in force too, so traces stay as they are until it is read`,
    fix: `look at it with systemctl cat ${unit}, then run systemctl daemon-reload: traces follow, and containerd is restarted on both; or take the change back`,
  };
}

/** The environment is as it should be, or was tried, and no traces come of it. */
export function noEffectIssue({ path }: TracesPlace, reason: string): Issue {
  return {
    code: "containerd-traces-no-effect",
    severity: "warning",
    at: { file: path, line: 1, column: 1 },
    message: `containerd does not send its traces in spite of this file: ${reason || "its exporter is not configured"}`,
    fix: "see that what starts containerd reads this file, and restart it; or set evidence.traces = false",
  };
}
