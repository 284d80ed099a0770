import {
  type Diagnosis,
  type Finding,
  type FindingPlace,
  formatPlace,
  type NotChecked,
  type Severity,
} from "../core/doctor/finding.ts";
import { FINDINGS } from "../core/doctor/finding-catalogue.ts";
import type { NodeView } from "../core/doctor/node-view.ts";
import { plainText } from "../core/plain-text.ts";
import { mirrorLines } from "./doctor-mirrors.ts";
import { wrapText } from "./wrap-text.ts";

const COLOR: Readonly<Record<Severity, number>> = { error: 31, warning: 33, info: 36 };
const [GREEN, BOLD, DIM] = [32, 1, 2];

export interface TextStyle {
  readonly color: boolean;
  /** Of the terminal; undefined: it is none, and lines stay whole. */
  readonly columns?: number | undefined;
}

/**
 * The verdict first, then what is wrong and how to mend it, or where pulls go when nothing is; then what was not looked
 * at. What stands in one file is told together. Ends with a newline.
 */
export function formatDiagnosis(
  { findings, notChecked }: Diagnosis,
  view: NodeView,
  style: TextStyle,
): string {
  const paint: Paint = (text, ...codes) =>
    style.color ? `\u001b[${codes.join(";")}m${text}\u001b[0m` : text;
  const parts = [
    [`${verdict(findings, view, paint)} (${describeNode(view)})`],
    ...(findings.length === 0 ? [mirrorLines(view)] : []),
    ...byFile(findings).map((finding) => findingLines(finding, paint, style.columns)),
    notCheckedLines(notChecked, paint, style.columns),
    ...(findings.length === 0
      ? []
      : [[paint("docs/findings.md has a section with an example for each code.", DIM)]]),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

type Paint = (text: string, ...codes: readonly number[]) => string;

function describeNode({ version, configFile, process }: NodeView): string {
  const running = process === undefined ? [] : [`pid ${process.pid}`];
  return plainText([`containerd ${version.text}`, ...running, configFile].join(", "));
}

function verdict(findings: readonly Finding[], { denied }: NodeView, paint: Paint): string {
  const [worst] = findings;
  if (worst === undefined && denied.length > 0)
    return paint("Nothing found in what this user may read", BOLD, COLOR.warning);
  if (worst === undefined) return paint("Nothing found that keeps pulls from the mirrors", BOLD, GREEN);
  const count = (severity: Severity, one: string): readonly string[] => {
    const { length } = findings.filter((finding) => finding.severity === severity);
    return length === 0 ? [] : [`${length} ${one}${length === 1 || one === "info" ? "" : "s"}`];
  };
  const counts = [...count("error", "error"), ...count("warning", "warning"), ...count("info", "info")];
  return paint(counts.join(", "), BOLD, COLOR[worst.severity]);
}

/** The file with the worst first; in a file as they stand there. */
function byFile(findings: readonly Finding[]): readonly Finding[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = fileOf(finding.where);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return [...groups.values()].flat();
}

function fileOf(place: FindingPlace): string {
  return place.kind === "file" ? place.at.file : formatPlace(place);
}

const COMMAND = /^(?:mkdir|mv|rmdir|rm|sed|chmod|openssl|systemctl) \S/;

/** What is no configuration file, a directory for one, has no lines to go to. */
function showPlace(place: FindingPlace): string {
  const text = formatPlace(place);
  return place.kind === "file" && !place.at.file.endsWith(".toml") ? text.replace(/:1:1$/, "") : text;
}

function findingLines(
  { code, severity, where, fact, consequence, fix }: Finding,
  paint: Paint,
  columns: number | undefined,
): readonly string[] {
  const field = (name: string, text: string): readonly string[] => {
    // A command that is broken into lines is another one when it is copied.
    const [first = "", ...more] = wrapText(plainText(text), COMMAND.test(text) ? undefined : columns, 9);
    return [`  ${paint(name.padEnd(5), DIM)}  ${first}`, ...more.map((line) => `         ${line}`)];
  };
  return [
    `${paint(severity, BOLD, COLOR[severity])} ${code}: ${paint(FINDINGS[code], BOLD)}`,
    // Whole, however long: terminals and editors make a link of it.
    `  ${paint("where", DIM)}  ${plainText(showPlace(where))}`,
    ...field("fact", fact),
    ...field("pulls", consequence),
    ...field("fix", fix),
  ];
}

function notCheckedLines(
  notChecked: readonly NotChecked[],
  paint: Paint,
  columns: number | undefined,
): readonly string[] {
  if (notChecked.length === 0) return [];
  const reasons = [...new Set(notChecked.map(({ why }) => why))];
  const lines = reasons.flatMap((why) => {
    const all = notChecked.filter((one) => one.why === why).map(({ what }) => what);
    const [first = "", ...more] = wrapText(plainText(`${all.join(", ")}: ${why}`), columns, 4);
    return [`  ${first}`, ...more.map((line) => `    ${line}`)];
  });
  return ["Not checked:", ...lines].map((line) => paint(line, DIM));
}
