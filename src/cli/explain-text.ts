import { entryUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import type { Resolution } from "../core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import type { LastPull } from "../core/evidence/last-pull.ts";
import { printable } from "../core/evidence/printable.ts";
import type { HostSummary } from "../core/evidence/sum-up-walk.ts";
import type { Asked } from "./explain-json.ts";
import type { Explanation } from "./explain-notes.ts";
import { visitLines } from "./explain-visits.ts";

const ROLE_COLOR = { mirror: 32, upstream: 33, witness: 36 } as const;

/** The explanation hop by hop, in the manner of `dig +trace`. Ends with a newline. */
export function formatExplanation(
  explanation: Explanation,
  notes: readonly string[],
  { summary, lastPull }: Asked,
  color: boolean,
): string {
  const { resolution, config, version, configFile } = explanation;
  const configPath = config.configPath === "" ? "no config_path" : `config_path ${config.configPath}`;
  const lines = [
    row("reference", resolution.reference.normalized),
    row("namespace", resolution.namespace),
    row("containerd", `${version.text}, ${configFile}: ${configPath}`),
    ...directoryLines(resolution),
    row("hosts", SOURCES[resolution.source](resolution)),
    ...resolution.hosts.flatMap((host, index) => [
      "",
      ...hostLines(host, index, summary?.hosts[index], color),
    ]),
    ...(notes.length > 0 ? ["", ...notes.map((note) => `! ${note}`)] : []),
    ...(summary || lastPull ? [""] : []),
    ...(summary ? [row("foreseen", summary.message)] : []),
    ...(lastPull ? [row("last pull", describeLastPull(lastPull))] : []),
  ];
  return `${lines.join("\n")}\n`;
}

const SOURCES: Readonly<Record<Resolution["source"], (resolution: Resolution) => string>> = {
  "hosts-toml": ({ file = "" }) => file,
  "docker-certs": ({ file = "", dropped, directory = "" }) =>
    dropped === undefined
      ? `the default upstream, with the certificates in ${directory} (no ${file})`
      : `the default upstream (${file} is dropped)`,
  "default-upstream": () => "the default upstream",
  "legacy-mirrors": () => "registry.mirrors, then the default upstream",
};

function directoryLines({ candidates, directory }: Resolution): readonly string[] {
  if (candidates.length === 0) return [];
  const chosen = row("directory", directory ?? "none");
  const tried = candidates
    .filter(({ path }) => path !== directory)
    .map(({ path, found }) =>
      row("", found === "absent" ? `not there: ${path}` : `not a directory: ${path}`),
    );
  return [chosen, ...tried];
}

function hostLines(
  host: ResolvedHost,
  index: number,
  asked: HostSummary | undefined,
  color: boolean,
): readonly string[] {
  const { entry, role, skipped, resolves } = host;
  const shown = color ? `\u001b[${ROLE_COLOR[role]}m${role}\u001b[0m` : role;
  const pad = " ".repeat(Math.max(0, 9 - role.length));
  const number = String(index + 1).padStart(2);
  const lines = asked === undefined ? requestLines(host) : visitLines(asked, color);
  const mayAnswer = asked !== undefined && !resolves ? [`HEAD skipped: ${skipped}`] : [];
  const useless = resolves && skipped !== undefined ? [`never answers: ${skipped}`] : [];
  return [
    `${number}  ${shown}${pad} ${entryUrl(entry)}  [${entry.capabilities.join(", ")}]`,
    ...[...useless, ...mayAnswer, ...lines].map(indent),
  ];
}

/** What would be asked. */
function requestLines({ resolve, manifest, blob, skipped, resolves }: ResolvedHost): readonly string[] {
  const head = resolves ? `${resolve.method} ${resolve.url}` : `HEAD skipped: ${skipped}`;
  return [head, `GET  ${manifest.url}`, `GET  ${blob.url}`];
}

function describeLastPull({ about, atMs, path, host, evidence, reason }: LastPull): string {
  const parts = [
    ...(atMs === undefined ? [] : [new Date(atMs).toISOString()]),
    LAST_PATHS[path],
    ...(host === undefined ? [] : [printable(host)]),
    ...(about === "registry" ? ["(of some image of this registry)"] : []),
    ...(evidence === undefined ? [] : [`(evidence: ${printable(evidence)})`]),
  ];
  return `${parts.join(" ")}${reason === "" ? "" : `: ${printable(reason, 300)}`}`;
}

const LAST_PATHS: Readonly<Record<LastPull["path"], string>> = {
  mirror: "from the mirror",
  mixed: "in part from the upstream",
  upstream: "from the upstream",
  failed: "failed",
  none: "had nothing to fetch",
};

function row(label: string, text: string): string {
  return `${label.padEnd(11)} ${text}`;
}

function indent(text: string): string {
  return `${" ".repeat(14)}${text}`;
}
