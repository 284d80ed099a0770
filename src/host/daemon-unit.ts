import { readFileSync, statSync } from "node:fs";
import type { DaemonUnit } from "../agent/doctor/daemon-inspector.ts";
import { runCommand } from "./run-command.ts";

const TIMEOUT_MS = 5_000;
const MAX_FILE_BYTES = 64 * 1024;

/** What systemd knows of a unit; undefined where it does not answer. Formats: systemctl(1) show, systemd.exec(5). */
export async function readUnit(name: string): Promise<DaemonUnit | undefined> {
  if (!/^[\w:.@\\-]+\.service$/.test(name)) return undefined;
  const properties = "--property=LoadState,NeedDaemonReload,Environment,EnvironmentFiles";
  const ran = await runCommand("systemctl", ["show", properties, "--", name], TIMEOUT_MS);
  return ran.status === 0 ? parseUnit(ran.stdout, readSmall) : undefined;
}

export function parseUnit(
  text: string,
  readFile: (path: string) => string | undefined,
): DaemonUnit | undefined {
  const lines = text.split("\n").map((line) => line.split(/=(.*)/s) as [string, string?]);
  const valuesOf = (key: string) => lines.flatMap(([name, value]) => (name === key ? [value ?? ""] : []));
  if (valuesOf("LoadState")[0] !== "loaded") return undefined;
  const files = valuesOf("EnvironmentFiles").map((value) => value.replace(/ \(ignore_errors=\w+\)$/, ""));
  const assignments = [
    ...valuesOf("Environment").flatMap(splitQuoted),
    // Files come after what the unit itself says, and win.
    ...files.flatMap((path) => assignmentsIn(readFile(path) ?? "")),
  ];
  const pairs = assignments.flatMap((text) => {
    const at = text.indexOf("=");
    return at < 1 ? [] : [[text.slice(0, at), text.slice(at + 1)] as const];
  });
  return { needsReload: valuesOf("NeedDaemonReload")[0] === "yes", environment: Object.fromEntries(pairs) };
}

/** `A=1 "B=two words"`, as systemctl prints a list. */
function splitQuoted(text: string): readonly string[] {
  const words = text.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [];
  return words.map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word));
}

function assignmentsIn(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !/^[#;]/.test(line))
    .map((line) => line.replace(/^([^=]+)=(["'])(.*)\2$/, "$1=$3"));
}

function readSmall(path: string): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= MAX_FILE_BYTES ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
