import type { InspectCertificates } from "../../core/certificates.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../core/containerd/version.ts";
import type { NotChecked } from "../../core/doctor/finding.ts";
import type { NodeView } from "../../core/doctor/node-view.ts";
import type { DaemonPlace } from "../../core/doctor/process/well-known-daemons.ts";
import type { Containerd, ContainerdHealth, Ports } from "../ports.ts";
import type { DaemonInspector } from "./daemon-inspector.ts";
import { type LocatedDaemon, locateDaemon } from "./locate-daemon.ts";
import { observeNamespaces } from "./observe-namespaces.ts";
import { observeNodeView } from "./observe-node-view.ts";
import { observeProcess } from "./observe-process.ts";

export interface LookDeps {
  readonly ports: Pick<Ports, "files" | "clock">;
  readonly inspectCertificates: InspectCertificates;
  /** As agent.toml says, or by default. */
  readonly place: DaemonPlace;
  /** agent.toml, the environment or `--set` names one of its paths. */
  readonly isChosen: boolean;
  /** Restarts it, as agent.toml says or by default. */
  readonly restart: string;
  readonly inspector: DaemonInspector;
  /** The files are a copy of another node's: no process of this machine has to do with them. */
  readonly isCopy: boolean;
  /** The containerd at a socket; `program`: of that file, otherwise of the one installed. */
  readonly containerdAt: (socket: string, program?: string) => Containerd;
}

export type Look =
  | {
      readonly ok: true;
      readonly view: NodeView;
      /** Of the containerd that this is about, whether anybody listens there or not. */
      readonly socket: string;
      readonly notChecked: readonly NotChecked[];
    }
  /** bad: the version that was given is none · unknown: none was given, and there is nobody to ask. */
  | { readonly ok: false; readonly why: "bad-version" | "unknown-version" };

export interface LookOptions {
  /** Instead of the one that runs, or is installed. */
  readonly containerdVersion?: string | undefined;
  /** Look at processes and ask the containerd that runs. */
  readonly probe: boolean;
}

const TIMEOUT_MS = 20_000;

/** All that the checks see, as far as it may be looked at. Throws HostError when a file cannot be read. */
export async function lookAtNode(options: LookOptions, deps: LookDeps): Promise<Look> {
  const { ports, inspector, isCopy, containerdAt } = deps;
  const mayLook = options.probe && !isCopy;
  const daemon = await locateDaemon({
    ...deps,
    files: ports.files,
    inspector: mayLook ? inspector : undefined,
  });
  const containerd = containerdAt(daemon.socket);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const health = daemon.process === undefined ? undefined : await containerd.health(signal);
  const installed = await installedVersion(daemon, containerd, deps);
  const given = options.containerdVersion;
  const version =
    given === undefined ? (health?.version ?? installed?.version) : parseContainerdVersion(given);
  if (version === undefined)
    return { ok: false, why: given === undefined ? "unknown-version" : "bad-version" };
  const view = await observeNodeView(ports, {
    version,
    inspectCertificates: deps.inspectCertificates,
    configFile: daemon.configFile,
    certsD: daemon.certsD,
  });
  const { socket } = daemon;
  const unread = view.denied.length === 0 ? [] : [notAllowed(view.denied)];
  if (!mayLook)
    return { ok: true, view, socket, notChecked: [...unread, ...daemon.notChecked, ...unlooked(isCopy)] };
  const process = daemon.process;
  if (process === undefined || health === undefined) {
    const { isAbsent } = daemon;
    const notChecked = [...unread, ...daemon.notChecked];
    const notRunning = { socket, restart: deps.restart };
    const seen = isAbsent && installed !== undefined ? { ...view, notRunning } : view;
    return {
      ok: true,
      view: seen,
      socket,
      notChecked: isAbsent ? [...notChecked, noProcess(socket)] : notChecked,
    };
  }
  const known = {
    daemon,
    process,
    health,
    installed: installed?.version,
    isChosen: deps.isChosen,
    restart: restartOf(daemon, deps),
  };
  const judge = installed?.containerd ?? containerd;
  const [processView, namespacesInUse] = await Promise.all([
    observeProcess(view, known, { inspector, files: ports.files, containerd: judge }),
    observeNamespaces(containerd.images, signal),
  ]);
  return {
    ok: true,
    view: { ...view, process: processView, ...(namespacesInUse === undefined ? {} : { namespacesInUse }) },
    socket,
    notChecked: [
      ...unread,
      ...daemon.notChecked,
      ...unseen(daemon, health, processView),
      ...(namespacesInUse === undefined ? [NO_IMAGES] : []),
    ],
  };
}

interface Installed {
  readonly version: ContainerdVersion;
  readonly containerd: Containerd;
}

/** What the next start would run: the program as it was called, where a link may lead to another one by now. */
async function installedVersion(
  { socket, process }: LocatedDaemon,
  containerd: Containerd,
  { containerdAt }: LookDeps,
): Promise<Installed | undefined> {
  const called = process?.commandLine?.[0];
  const programs = [called?.startsWith("/") === true ? called : undefined, process?.executable];
  const own = programs.flatMap((program) => (program === undefined ? [] : [containerdAt(socket, program)]));
  // The program of another root is not to be had here.
  const candidates = process?.isApart === true ? own : [...own, containerd];
  for (const candidate of candidates) {
    const version = await candidate.version();
    if (version !== undefined) return { version, containerd: candidate };
  }
  return undefined;
}

/** The unit that the process belongs to, where it is another than the one configured. */
function restartOf({ product, process }: LocatedDaemon, { restart, isChosen }: LookDeps): string {
  if (isChosen || process?.unit === undefined) return restart;
  return product === undefined && restart.includes(process.unit)
    ? restart
    : `systemctl restart ${process.unit}`;
}

function unlooked(isCopy: boolean): readonly NotChecked[] {
  const why = isCopy ? "--root names a copy of a node's files" : "--no-probe reads files only";
  return ["the containerd that runs", "the images on the node"].map((what) => ({ what, why }));
}

const SHOWN = 5;

function notAllowed(paths: readonly string[]): NotChecked {
  const more = paths.length - SHOWN;
  const what = [...paths.slice(0, SHOWN), ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return { what, why: "this user may not read that: run doctor as root" };
}

function noProcess(socket: string): NotChecked {
  return { what: "the containerd that runs", why: `nobody listens at ${socket}` };
}

const NO_IMAGES: NotChecked = { what: "the images on the node", why: "containerd does not list them" };

function unseen(
  { process, configFile }: LocatedDaemon,
  health: ContainerdHealth,
  view: NonNullable<NodeView["process"]>,
): readonly NotChecked[] {
  const gaps: NotChecked[] = [];
  if (process?.environment === undefined)
    gaps.push({ what: "containerd's environment", why: "it belongs to another user: run doctor as root" });
  if (view.dump === undefined && view.configTimes.length > 0)
    gaps.push({
      what: `containerd's own reading of ${configFile}`,
      why: "config dump gave nothing to compare",
    });
  if (health.version === undefined)
    gaps.push({ what: "the version that runs", why: health.message ?? "CRI does not tell it" });
  return gaps;
}
