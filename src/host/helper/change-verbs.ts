import { candidatePath } from "../../agent/check-candidate.ts";
import { legacyDirectory } from "../../agent/legacy-directory.ts";
import { observeConfig } from "../../agent/observe-host.ts";
import { type Containerd, type Files, HostError, type ObservedFile } from "../../agent/ports.ts";
import type { AgentConfig } from "../../core/agent-config/agent-config.ts";
import { compareDumps, effectiveConfigPath } from "../../core/containerd/config/compare-dumps.ts";
import type { ConfigSource } from "../../core/containerd/config/config-file.ts";
import { tracesReceiver } from "../../core/containerd/tracing/traces-endpoint.ts";
import { tracesPlaceOf } from "../../core/containerd/tracing/traces-place.ts";
import type { ContainerdVersion } from "../../core/containerd/version.ts";
import { decodeText } from "../../core/decode-text.ts";
import { isOwned } from "../../core/file-tree.ts";
import { type Change, findWayBack, withoutChange } from "../../core/privilege/change-chain.ts";
import { judgeConfigEdit } from "../../core/privilege/judge-config-edit.ts";
import { isOurTracesFile, isTracesDropIn } from "../../core/privilege/judge-traces-file.ts";
import type { StateKeeper } from "./helper-state.ts";
import { noteChange } from "./note-change.ts";
import { bytesIn, digestIn, pathIn } from "./read-args.ts";
import type { Verbs } from "./serve-verbs.ts";

export interface ChangePorts {
  readonly config: AgentConfig;
  readonly files: Files;
  readonly containerd: Pick<Containerd, "version" | "dumpConfig">;
  readonly state: StateKeeper;
  readonly sha256: (bytes: Uint8Array) => string;
  /** Why a path is not root's alone to decide about, some directory on its way included; undefined: it is. */
  readonly findDistrust: (path: string) => Promise<string | undefined>;
}

/** 4 MiB: containerd's own defaults are some 10 KiB. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** Changes of the files that containerd reads at its start. Each is judged by what is on disk at that moment. */
export function changeVerbs(ports: ChangePorts): Verbs {
  const { config, files } = ports;
  const configPath = config.containerd.config;
  const candidate = candidatePath(configPath);
  const notes = { configPath, state: ports.state, sha256: ports.sha256 };
  return {
    "write-candidate": {
      changes: true,
      async run(args) {
        const bytes = bytesIn(args, "bytes");
        const current = await readCurrent(configPath, ports);
        await judge(bytes, current, ports);
        await files.write([{ path: candidate, bytes, mode: 0o600, secret: true }]);
      },
    },
    replace: {
      changes: true,
      async run(args) {
        const path = pathIn(args);
        const [bytes, expected] = [bytesIn(args, "bytes"), digestIn(args, "expected")];
        const current = await readCurrent(path, ports);
        if (digestOf(current, ports) !== expected) throw changedMeanwhile(path);
        const digest = ports.sha256(bytes);
        const { changes } = await ports.state.load();
        const back = findWayBack(changes[path] ?? [], expected, digest);
        if (back !== undefined) {
          await noteWayBack(path, ports);
          await files.replace(path, bytes, current?.bytes, back.mode);
          return forgetChange(path, back, ports);
        }
        const mode = path === configPath ? modeIn(args["mode"]) : 0o644;
        if (path === configPath) await judgeWhole(bytes, current, ports);
        else judgeTraces(path, bytes, current, ports);
        await noteChange({ path, current, bytes }, notes);
        await files.replace(path, bytes, current?.bytes, mode);
      },
    },
    remove: {
      changes: true,
      async run(args) {
        const path = pathIn(args);
        if (path === candidate) return files.remove([path]);
        const current = await readCurrent(path, ports);
        if (current === undefined) return undefined;
        const digest = digestOf(current, ports);
        const { changes } = await ports.state.load();
        const back = findWayBack(changes[path] ?? [], digest, null);
        if (path === configPath && back === undefined)
          throw refused(path, "it was there before mirrorlet, or others have changed it since");
        if (path !== configPath) judgeTraces(path, undefined, current, ports);
        if (back === undefined) await noteChange({ path, current, bytes: undefined }, notes);
        else await noteWayBack(path, ports);
        await files.remove([path]);
        return back === undefined ? undefined : forgetChange(path, back, ports);
      },
    },
    "remove-directory": {
      changes: true,
      async run(args) {
        const path = pathIn(args);
        if (!isTracesDropIn(`${path}/50-mirrorlet-traces.conf`))
          throw refused(path, "it is no directory of drop-ins of ours");
        await demandTrust(path, ports);
        await files.removeEmptyDirectory(path);
      },
    },
    sweep: {
      changes: true,
      async run() {
        const traces = tracesPlaceOf(config.containerd)?.path;
        for (const path of [configPath, traces])
          if (path !== undefined) await files.sweep(path.slice(0, path.lastIndexOf("/")));
      },
    },
  };
}

/** Read by owner and mode of every directory on the way: what others could swap is not theirs to have replaced. */
async function readCurrent(path: string, ports: ChangePorts): Promise<ObservedFile | undefined> {
  if (path !== ports.config.containerd.config && !isTracesPath(path, ports))
    throw refused(path, "it is none of the files that are changed for the agent");
  await demandTrust(path, ports);
  return ports.files.read(path);
}

async function demandTrust(path: string, { findDistrust }: ChangePorts): Promise<void> {
  const distrust = await findDistrust(path);
  if (distrust !== undefined) throw refused(path, distrust);
}

function isTracesPath(path: string, { config }: ChangePorts): boolean {
  return path === tracesPlaceOf(config.containerd)?.path || isTracesDropIn(path);
}

/** The candidate as pure data; containerd has not seen it yet, and must not before this: a key of it may name code. */
async function judge(
  bytes: Uint8Array,
  current: ObservedFile | undefined,
  ports: ChangePorts,
): Promise<void> {
  const { config } = ports;
  const path = config.containerd.config;
  if (bytes.length > MAX_CONFIG_BYTES) throw refused(path, "it is larger than 4 MiB");
  const version = await ports.containerd.version();
  if (version === undefined) throw refused(path, "no containerd is installed that could read it");
  const reason = judgeConfigEdit({
    path,
    before: current && decodeText(current.bytes),
    after: decodeText(bytes),
    imports: await importsOf(version, ports),
    version,
    style: config.style,
    certsD: config.containerd.certsD,
    legacyDirectory: legacyDirectory(config),
    receivers: await receiversOf(ports),
  });
  if (reason !== undefined) throw refused(path, reason);
}

/** And as the installed containerd reads it. */
async function judgeWhole(
  bytes: Uint8Array,
  current: ObservedFile | undefined,
  ports: ChangePorts,
): Promise<void> {
  await judge(bytes, current, ports);
  const { files, containerd, config } = ports;
  const path = config.containerd.config;
  const candidate = `${path}.mirrorlet-checked`;
  await files.write([{ path: candidate, bytes, mode: 0o600, secret: true }]);
  try {
    const [after, before] = await Promise.all([
      containerd.dumpConfig(candidate),
      current === undefined ? undefined : containerd.dumpConfig(path),
    ]);
    if (!after.ok) throw refused(path, `the installed containerd would not read it (${after.message})`);
    const effective = effectiveConfigPath(after.toml);
    if (config.style === "certs.d" && effective !== config.containerd.certsD)
      throw refused(path, `containerd would read its registries from ${JSON.stringify(effective ?? "")}`);
    const foreign = before?.ok === true ? compareDumps(before.toml, after.toml) : [];
    if (foreign.length > 0)
      throw refused(path, `containerd would read other values of ${foreign.join(", ")}`);
  } finally {
    await files.remove([candidate]);
  }
}

function judgeTraces(
  path: string,
  bytes: Uint8Array | undefined,
  current: ObservedFile | undefined,
  { config }: ChangePorts,
): void {
  const place = tracesPlaceOf(config.containerd);
  if (current !== undefined && !isOwned(current.bytes)) throw refused(path, "it is not mirrorlet's");
  if (bytes === undefined) return;
  if (place === undefined || path !== place.path)
    throw refused(path, "agent.toml has the traces switched elsewhere");
  if (!isOurTracesFile(place.kind, decodeText(bytes)))
    throw refused(path, "it is not what mirrorlet writes there");
}

/** Before it is gone: the restart that follows may take the slot that is kept for it. */
async function noteWayBack(path: string, { state }: ChangePorts): Promise<void> {
  await state.update({ isWayBack: true, ...(path.endsWith(".conf") ? { unitsChanged: true } : {}) });
}

async function forgetChange(path: string, back: Change, { state }: ChangePorts): Promise<void> {
  const { changes } = await state.load();
  await state.update({ changes: { ...changes, [path]: withoutChange(changes[path] ?? [], back) } });
}

async function importsOf(version: ContainerdVersion, ports: ChangePorts): Promise<readonly ConfigSource[]> {
  return (await observeConfig(ports.files, ports.config.containerd.config, version)).imports;
}

async function receiversOf({ config, state }: ChangePorts): Promise<ReadonlySet<string>> {
  const own = tracesReceiver(config.http.address);
  return new Set([...(own === undefined ? [] : [own]), ...(await state.load()).receivers]);
}

/** Credentials of ours close the file; nothing opens it. */
function modeIn(mode: unknown): number | undefined {
  return mode === 0o600 ? mode : undefined;
}

function digestOf(file: ObservedFile | undefined, { sha256 }: ChangePorts): string | null {
  return file === undefined ? null : sha256(file.bytes);
}

export function refused(path: string, why: string): HostError {
  const message = `the root helper refuses to change ${path}: ${why}; nothing was changed`;
  return new HostError("helper-refused", path, message, { retryable: false });
}

function changedMeanwhile(path: string): HostError {
  const message = `not replacing ${path}: somebody changed it while the new content was being prepared; their change stands, and the next pass starts from it`;
  return new HostError("changed", path, message, { retryable: true });
}
