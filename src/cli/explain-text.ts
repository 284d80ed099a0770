import { entryUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import type { Resolution } from "../core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import type { Explanation } from "./explain-notes.ts";

const ROLE_COLOR = { mirror: 32, upstream: 33, witness: 36 } as const;

/** The explanation hop by hop, in the manner of `dig +trace`. Ends with a newline. */
export function formatExplanation(
  explanation: Explanation,
  notes: readonly string[],
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
    ...resolution.hosts.flatMap((host, index) => ["", ...hostLines(host, index + 1, color)]),
    ...(notes.length > 0 ? ["", ...notes.map((note) => `! ${note}`)] : []),
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

function hostLines(host: ResolvedHost, number: number, color: boolean): readonly string[] {
  const { entry, role, resolve, manifest, blob, skipped, resolves } = host;
  const shown = color ? `\u001b[${ROLE_COLOR[role]}m${role}\u001b[0m` : role;
  const pad = " ".repeat(Math.max(0, 9 - role.length));
  const name = resolves ? `${resolve.method} ${resolve.url}` : `HEAD skipped: ${skipped}`;
  const useless = resolves && skipped !== undefined ? [indent(`never answers: ${skipped}`)] : [];
  return [
    `${String(number).padStart(2)}  ${shown}${pad} ${entryUrl(entry)}  [${entry.capabilities.join(", ")}]`,
    ...useless,
    indent(name),
    indent(`GET  ${manifest.url}`),
    indent(`GET  ${blob.url}`),
  ];
}

function row(label: string, text: string): string {
  return `${label.padEnd(11)} ${text}`;
}

function indent(text: string): string {
  return `${" ".repeat(14)}${text}`;
}
