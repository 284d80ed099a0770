import type { Files } from "../agent/ports.ts";
import { renderNode } from "../agent/render-node.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../core/containerd/version.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import { formatIssue, hasErrors, type Issue } from "../core/issue.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";

export interface RenderOptions {
  readonly out: string;
  readonly containerdVersion: string | undefined;
  /** The config.toml to edit; undefined: a minimal one is made. */
  readonly containerdConfig: string | undefined;
}

export interface RenderDeps {
  readonly config: AgentConfig;
  load(sources: readonly string[], version: ContainerdVersion): Promise<Loaded>;
  installedVersion(): Promise<ContainerdVersion | undefined>;
  /** Undefined: no such file. */
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Files below `--out`. */
  openOutput(directory: string): Files;
  readonly sha256: (bytes: Uint8Array) => string;
}

interface Loaded {
  readonly state?: DesiredState | undefined;
  readonly issues: readonly Issue[];
}

/** Where nothing tells which containerd will read the tree: the newest that was measured. */
const ASSUMED_VERSION = "2.1.9";

/** `render FILE… --out DIR`: the exact tree that would be on a node. */
export async function render(
  sources: readonly string[],
  options: RenderOptions,
  io: CommandIo,
  deps: RenderDeps,
): Promise<ExitCode> {
  const version = await chooseVersion(options.containerdVersion, deps);
  if (version === undefined) {
    io.stderr(
      `mirrorlet: not a containerd version: ${options.containerdVersion ?? ""} (write it like 1.7.24)\n`,
    );
    return 64;
  }
  const { state, issues } = await deps.load(sources, version);
  const configToml = await readConfig(options.containerdConfig, deps);
  if (configToml === "missing") {
    io.stderr(`mirrorlet: there is no ${options.containerdConfig}\n`);
    return 64;
  }
  if (state === undefined) return refuse(issues, io);
  const { files, plan } = renderNode(state, {
    config: deps.config,
    version,
    configToml,
    sha256: deps.sha256,
  });
  const all = [...issues, ...plan.issues];
  if (hasErrors(all) || plan.problems.length > 0) return refuse(all, io, plan.problems);
  await deps.openOutput(options.out).write(files);
  report(
    all,
    files.map((file) => file.path),
    version,
    io,
  );
  return 0;
}

async function chooseVersion(
  text: string | undefined,
  deps: RenderDeps,
): Promise<ContainerdVersion | undefined> {
  if (text !== undefined) return parseContainerdVersion(text);
  return (await deps.installedVersion()) ?? parseContainerdVersion(ASSUMED_VERSION);
}

async function readConfig(
  path: string | undefined,
  deps: RenderDeps,
): Promise<Uint8Array | undefined | "missing"> {
  return path === undefined ? undefined : ((await deps.readFile(path)) ?? "missing");
}

function refuse(
  issues: readonly Issue[],
  io: CommandIo,
  problems: readonly { readonly namespace: string; readonly reason: string }[] = [],
): ExitCode {
  if (io.json) printJson(io, "render", { files: [], issues, problems });
  else {
    for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
    for (const { namespace, reason } of problems) io.stderr(`${namespace}: ${reason}\n`);
    io.stderr("mirrorlet: nothing was rendered\n");
  }
  return 65;
}

function report(
  issues: readonly Issue[],
  paths: readonly string[],
  version: ContainerdVersion,
  io: CommandIo,
): void {
  const files = [...paths].sort();
  if (io.json) printJson(io, "render", { containerdVersion: version.text, files, issues, problems: [] });
  else {
    for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
    for (const path of files) io.stdout(`${path}\n`);
    io.stderr(`rendered for containerd ${version.text}\n`);
  }
}
