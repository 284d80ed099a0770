import { observeResolution } from "../agent/observe-resolution.ts";
import { type Containerd, type Files, HostError } from "../agent/ports.ts";
import { entryUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../core/containerd/image-reference.ts";
import type { Resolution } from "../core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../core/containerd/version.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { listExplainNotes } from "./explain-notes.ts";
import { formatExplanation } from "./explain-text.ts";

export interface ExplainOptions {
  /** Instead of the installed one. */
  readonly containerdVersion?: string | undefined;
}

export interface ExplainDeps {
  readonly files: Files;
  readonly containerd: Pick<Containerd, "version">;
  /** containerd's config.toml on the node. */
  readonly configPath: string;
}

/**
 * `explain IMAGE`: how containerd on this node resolves the image, from the files alone. 1 when every pull of it
 * fails or its hosts.toml counts for nothing, 2 when the version or a file cannot be had.
 */
export async function explain(
  image: string,
  options: ExplainOptions,
  io: CommandIo,
  deps: ExplainDeps,
): Promise<ExitCode> {
  const version = await chooseVersion(options, deps);
  if (!version.ok) {
    io.stderr(`${version.message}\n`);
    return version.exit;
  }
  const parsed = parseImageReference(image, version.version);
  if (!parsed.ok) {
    io.stderr(`${parsed.message}\n`);
    return 64;
  }
  try {
    const observed = await observeResolution(deps.files, deps.configPath, parsed.reference, version.version);
    const explanation = { ...observed, version: version.version, configFile: deps.configPath };
    const notes = listExplainNotes(explanation);
    if (io.json) printJson(io, "explain", toJson(observed.resolution, notes));
    else io.stdout(formatExplanation(explanation, notes, io.color));
    return isBroken(observed.resolution) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    io.stderr(`${error.message}: what containerd would do is not known\n`);
    return 2;
  }
}

type Chosen =
  | { readonly ok: true; readonly version: ContainerdVersion }
  | { readonly ok: false; readonly exit: 2 | 64; readonly message: string };

async function chooseVersion(
  { containerdVersion: given }: ExplainOptions,
  deps: ExplainDeps,
): Promise<Chosen> {
  const version = given === undefined ? await deps.containerd.version() : parseContainerdVersion(given);
  if (version !== undefined) return { ok: true, version };
  if (given === undefined)
    return {
      ok: false,
      exit: 2,
      message: "containerd is not installed or does not tell its version; name one with --containerd-version",
    };
  return { ok: false, exit: 64, message: `--containerd-version ${given}: write a version such as 1.7.24` };
}

function isBroken({ outcome, dropped }: Resolution): boolean {
  return outcome.kind === "pull-fails" || dropped !== undefined;
}

function toJson(resolution: Resolution, notes: readonly string[]): object {
  const { reference, namespace, directory, file, hosts, outcome } = resolution;
  return {
    reference: reference.normalized,
    namespace,
    directory: directory ?? null,
    file: file ?? null,
    hosts: hosts.map(hostToJson),
    outcome,
    notes,
  };
}

function hostToJson({ entry, role, resolve, manifest, blob, skipped }: ResolvedHost): object {
  const { capabilities } = entry;
  return {
    url: entryUrl(entry),
    role,
    capabilities,
    resolve,
    manifest,
    blob,
    ...(skipped !== undefined && { skipped }),
  };
}
