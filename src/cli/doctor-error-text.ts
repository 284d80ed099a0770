import { formatPlace } from "../core/doctor/finding.ts";
import { FINDINGS } from "../core/doctor/finding-catalogue.ts";
import { nameHost } from "../core/doctor/pulls/error/describe-hop-error.ts";
import type { ExplainedError } from "../core/doctor/pulls/error/explain-pull-error.ts";
import type { ErrorContext, ErrorHop } from "../core/doctor/pulls/error/place-error.ts";
import { plainText } from "../core/plain-text.ts";
import type { TextStyle } from "./doctor-text.ts";
import { wrapText } from "./wrap-text.ts";

/** Each error with the host that failed, what is wrong and what mends it. Ends with a newline. */
export function formatErrors(
  errors: readonly ExplainedError[],
  context: ErrorContext,
  style: TextStyle,
): string {
  const lines = errors.flatMap((error) => ["", ...errorLines(error, style)]);
  return `${[describeContext(context), ...lines].join("\n")}\n`;
}

function describeContext({ version, view }: ErrorContext): string {
  if (version === undefined) return "Read without a containerd: its version and files are not known here.";
  return view === undefined
    ? `Read as containerd ${version.text} prints it; no files of a node were found here.`
    : `Read as containerd ${version.text} prints it, with the files of this node.`;
}

function errorLines(
  { shown, image, hop, finding, notes }: ExplainedError,
  { color, columns }: TextStyle,
): readonly string[] {
  const { code, severity, where, fact, consequence, fix } = finding;
  const shade = severity === "error" ? 31 : 33;
  const paint = (text: string, ...codes: readonly number[]): string =>
    color ? `\u001b[${codes.join(";")}m${text}\u001b[0m` : text;
  const field = (name: string, text: string): readonly string[] => {
    const [first = "", ...more] = wrapText(plainText(text), columns, 9);
    return [`  ${paint(name.padEnd(6), 2)} ${first}`, ...more.map((line) => `         ${line}`)];
  };
  return [
    `${paint(severity, 1, shade)} ${code}: ${paint(FINDINGS[code], 1)}`,
    ...field("text", shown),
    ...(image === undefined ? [] : field("image", image)),
    ...(hop === undefined ? [] : field("failed", describeHop(hop))),
    `  ${paint("where ", 2)} ${plainText(formatPlace(where))}`,
    ...field("fact", fact),
    ...field("pulls", consequence),
    ...field("fix", fix),
    ...notes.flatMap((note) => field("note", note)),
  ];
}

const REQUESTS: Readonly<Record<ErrorHop["stage"], string>> = {
  resolve: "the tag or digest could not be resolved",
  manifest: "a manifest could not be fetched",
  blob: "the content could not be fetched",
  token: "no token could be had",
  unknown: "the text does not say at which request",
};

function describeHop(hop: ErrorHop): string {
  const { stage, role, elsewhere, isDeduced, position } = hop;
  const who = role === "unknown" ? nameHost(hop) : `the ${role} ${nameHost(hop)}`;
  const place = position === undefined ? "" : ` (host ${position.index} of ${position.of})`;
  const away = elsewhere === undefined ? "" : `, which led to ${elsewhere}`;
  const how = isDeduced ? "; not in the text, it follows from the order of the hosts" : "";
  return `${who}${place}${away}: ${REQUESTS[stage]}${how}`;
}

/** The document of `doctor --error --json`. */
export function errorsToJson(errors: readonly ExplainedError[], { version, view }: ErrorContext): object {
  return {
    containerdVersion: version?.text ?? null,
    knowsFiles: view !== undefined,
    errors: errors.map(({ hop, finding, ...error }) => ({
      ...error,
      ...(hop && { hop: hopToJson(hop) }),
      finding: { ...finding, title: FINDINGS[finding.code], where: formatPlace(finding.where) },
    })),
  };
}

function hopToJson({ stage, host, role, position, candidates, elsewhere, isDeduced }: ErrorHop): object {
  return {
    stage,
    host: host ?? null,
    role,
    ...(position && { position }),
    ...(host === undefined && { candidates: candidates.map(({ entry }) => entry.host) }),
    ...(elsewhere !== undefined && { elsewhere }),
    isDeduced,
  };
}
