import { formatPlace } from "../core/doctor/finding.ts";
import { FINDINGS } from "../core/doctor/finding-catalogue.ts";
import { nameHost } from "../core/doctor/pulls/error/describe-hop-error.ts";
import type { ExplainedError } from "../core/doctor/pulls/error/explain-pull-error.ts";
import type { ErrorContext, ErrorHop } from "../core/doctor/pulls/error/place-error.ts";

/** Each error with the host that failed, what is wrong and what mends it. Ends with a newline. */
export function formatErrors(
  errors: readonly ExplainedError[],
  context: ErrorContext,
  color: boolean,
): string {
  const lines = errors.flatMap((error) => ["", ...errorLines(error, color)]);
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
  color: boolean,
): readonly string[] {
  const { code, severity, where, fact, consequence, fix } = finding;
  const shade = severity === "error" ? 31 : 33;
  const label = color ? `\u001b[${shade}m${severity}\u001b[0m` : severity;
  return [
    `${label} ${code}: ${FINDINGS[code]}`,
    `  text   ${shown}`,
    ...(image === undefined ? [] : [`  image  ${image}`]),
    ...(hop === undefined ? [] : [`  failed ${describeHop(hop)}`]),
    `  where  ${formatPlace(where)}`,
    `  fact   ${fact}`,
    `  pulls  ${consequence}`,
    `  fix    ${fix}`,
    ...notes.map((note) => `  note   ${note}`),
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
