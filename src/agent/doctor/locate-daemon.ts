import { cleanPath } from "../../core/containerd/go-path.ts";
import type { NotChecked } from "../../core/doctor/finding.ts";
import {
  configArgument,
  type DaemonPlace,
  WELL_KNOWN_DAEMONS,
} from "../../core/doctor/process/well-known-daemons.ts";
import type { Files } from "../ports.ts";
import type { DaemonInspector, DaemonProcess } from "./daemon-inspector.ts";

export interface LocateOptions {
  /** As agent.toml says, or by default. */
  readonly place: DaemonPlace;
  /** agent.toml, the environment or `--set` names one of its paths. */
  readonly isChosen: boolean;
  /** Undefined: processes are not to be looked at. */
  readonly inspector: DaemonInspector | undefined;
  readonly files: Files;
}

/** The containerd that doctor speaks of. */
export interface LocatedDaemon extends DaemonPlace {
  readonly process: DaemonProcess | undefined;
  /** Nobody listens at its socket. */
  readonly isAbsent: boolean;
  /** The configuration file that was expected and that the process was not started with. */
  readonly unreadConfig?: string;
  readonly notChecked: readonly NotChecked[];
}

/**
 * The one that is configured, if it is there; otherwise the one that runs at a place where a product is known to
 * start its own. What a process was started with wins over where files are expected.
 */
export async function locateDaemon(options: LocateOptions): Promise<LocatedDaemon> {
  const { place, isChosen, inspector, files } = options;
  if (inspector === undefined) {
    const found = isChosen ? place : await findByFile(place, files);
    return { ...found, process: undefined, isAbsent: false, notChecked: [] };
  }
  const others = WELL_KNOWN_DAEMONS.filter(({ socket }) => inspector.isListenedOn(socket));
  if (isChosen || inspector.isListenedOn(place.socket))
    return follow(place, inspector, others.filter(({ socket }) => socket !== place.socket).map(tellOther));
  const [first, ...more] = others;
  if (first === undefined) return follow(await findByFile(place, files), inspector, []);
  // K3s and RKE2 have the same socket; the files tell them apart where the command line does not.
  const same = others.filter(({ socket }) => socket === first.socket);
  const known = (await findFirst(same, files)) ?? first;
  return follow(known, inspector, more.filter(({ socket }) => socket !== first.socket).map(tellOther));
}

function follow(
  place: DaemonPlace,
  inspector: DaemonInspector,
  notChecked: readonly NotChecked[],
): LocatedDaemon {
  const found = inspector.find(place.socket);
  if (found === "none") return { ...place, process: undefined, isAbsent: true, notChecked };
  if (found === "hidden") {
    const hidden = {
      what: `the process that serves ${place.socket}`,
      why: "it belongs to another user: run doctor as root",
    };
    return { ...place, process: undefined, isAbsent: false, notChecked: [...notChecked, hidden] };
  }
  const { commandLine = [], workingDirectory = "/" } = found;
  const argument = configArgument(commandLine);
  const started = argument?.startsWith("/") === false ? `${workingDirectory}/${argument}` : argument;
  const configFile = started === undefined ? place.configFile : cleanPath(started);
  const isOther = configFile !== place.configFile;
  const known = WELL_KNOWN_DAEMONS.find((one) => one.configFile === configFile);
  return {
    ...place,
    ...known,
    socket: place.socket,
    configFile,
    process: found,
    isAbsent: false,
    ...(isOther && place.product === undefined ? { unreadConfig: place.configFile } : {}),
    notChecked,
  };
}

function tellOther({ product = "another", socket, configFile }: DaemonPlace): NotChecked {
  return {
    what: `the containerd of ${product}, which listens at ${socket}`,
    why: `this is about another one; --set containerd.socket=${socket} --set containerd.config=${configFile} looks at it`,
  };
}

async function findByFile(place: DaemonPlace, files: Files): Promise<DaemonPlace> {
  return (await findFirst([place, ...WELL_KNOWN_DAEMONS], files)) ?? place;
}

async function findFirst(places: readonly DaemonPlace[], files: Files): Promise<DaemonPlace | undefined> {
  for (const place of places) if (await exists(place.configFile, files)) return place;
  return undefined;
}

/** What cannot be read is there. */
async function exists(path: string, files: Files): Promise<boolean> {
  return files.read(path).then(
    (file) => file !== undefined,
    () => true,
  );
}
