import { type Diagnosis, type Finding, formatPlace, type Severity } from "../core/doctor/finding.ts";
import { FINDINGS } from "../core/doctor/finding-catalogue.ts";
import type { NodeView } from "../core/doctor/node-view.ts";

const COLOR: Readonly<Record<Severity, number>> = { error: 31, warning: 33, info: 36 };

/** The verdict first, then what is wrong and how to mend it, then what was not looked at. Ends with a newline. */
export function formatDiagnosis(
  { findings, notChecked }: Diagnosis,
  { version, configFile }: NodeView,
  color: boolean,
): string {
  const lines = [
    `${verdict(findings)} (containerd ${version.text}, ${configFile})`,
    ...findings.flatMap((finding) => ["", ...findingLines(finding, color)]),
    ...(notChecked.length === 0 ? [] : ["", "Not checked:"]),
    ...notChecked.map(({ what, why }) => `  ${what}: ${why}`),
  ];
  return `${lines.join("\n")}\n`;
}

function verdict(findings: readonly Finding[]): string {
  if (findings.length === 0) return "Nothing found that keeps pulls from the mirrors";
  const count = (severity: Severity, one: string): readonly string[] => {
    const { length } = findings.filter((finding) => finding.severity === severity);
    return length === 0 ? [] : [`${length} ${one}${length === 1 || one === "info" ? "" : "s"}`];
  };
  return [...count("error", "error"), ...count("warning", "warning"), ...count("info", "info")].join(", ");
}

function findingLines({ code, severity, where, fact, consequence, fix }: Finding, color: boolean) {
  const label = color ? `\u001b[${COLOR[severity]}m${severity}\u001b[0m` : severity;
  return [
    `${label} ${code}: ${FINDINGS[code]}`,
    `  where  ${formatPlace(where)}`,
    `  fact   ${fact}`,
    `  pulls  ${consequence}`,
    `  fix    ${fix}`,
  ];
}
