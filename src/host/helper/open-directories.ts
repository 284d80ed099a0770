import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";
import { isOwned } from "../../core/file-tree.ts";
import { openDirectory } from "../files-directories.ts";
import { toHostError } from "../files-error.ts";
import type { HostRoot } from "../files-root.ts";
import { refused } from "./change-verbs.ts";
import type { HelperState, OpenedDirectory, StateKeeper } from "./helper-state.ts";
import type { Verbs } from "./serve-verbs.ts";

export interface OpenPorts {
  readonly root: HostRoot;
  /** certs.d, and where the legacy style has its PEM files. */
  readonly certsD: string;
  readonly legacyDirectory: string;
  /** Whose the agent is; undefined: it has no user of its own here, so nothing is handed over. */
  readonly agent: () => { readonly uid: number; readonly gid: number } | undefined;
  readonly state: StateKeeper;
  readonly findDistrust: (path: string) => Promise<string | undefined>;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Sticky: in it, the agent can rename and remove only what is its own. */
const SHARED = 0o1775;

/**
 * Makes certs.d a directory in which the agent has its own entries beside those of others, and hands over to it what
 * carries our marker and is root's, from a time when the agent was root. Nothing else changes hands, no link is followed.
 */
export function openVerbs(ports: OpenPorts): Verbs {
  const { certsD, legacyDirectory, root, state } = ports;
  return {
    prepare: {
      changes: true,
      async run() {
        const agent = ports.agent();
        if (agent === undefined || agent.uid === 0 || agent.gid === 0)
          throw refused(certsD, "there is no user and group of the agent to open it to");
        for (const path of [certsD, legacyDirectory]) {
          const isCerts = path === certsD;
          const hostPath = root.toHost(path);
          const found = lstatSync(hostPath, { throwIfNoEntry: false });
          const distrust = await ports.findDistrust(found === undefined || !isCerts ? dirname(path) : path);
          if (distrust !== undefined && !isOpened(path, (await state.load()).opened))
            throw refused(path, distrust);
          if (found !== undefined && !found.isDirectory())
            throw refused(path, "it is a link or a file, not a directory");
          await noteOpened(path, found, state);
          try {
            // Before it is opened: as long as all is root's, nobody can swap what is looked at here.
            if (isCerts) handOver(hostPath, agent);
            open(hostPath, isCerts ? { uid: 0, gid: agent.gid } : agent, isCerts ? SHARED : 0o755);
          } catch (error) {
            throw toHostError(error, path, "open");
          }
        }
      },
    },
  };
}

function isOpened(path: string, opened: HelperState["opened"]): boolean {
  return Object.hasOwn(opened, path);
}

async function noteOpened(path: string, found: Stats | undefined, state: StateKeeper): Promise<void> {
  const { opened } = await state.load();
  if (isOpened(path, opened)) return;
  const before: OpenedDirectory | null =
    found === undefined ? null : { mode: found.mode & 0o7777, uid: found.uid, gid: found.gid };
  await state.update({ opened: { ...opened, [path]: before } });
}

function open(hostPath: string, owner: Owner, mode: number): void {
  if (lstatSync(hostPath, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(hostPath, 0o700);
    sync(dirname(hostPath));
  }
  withDirectory(hostPath, (descriptor, stats) => {
    // Whose it is now has to have been root or the agent: what somebody else has made is theirs.
    if (stats.uid !== 0 && stats.uid !== owner.uid)
      throw refused(hostPath, `it belongs to user ${stats.uid}`);
    if (stats.uid === owner.uid && stats.gid === owner.gid && (stats.mode & 0o7777) === mode) return;
    fchownSync(descriptor, owner.uid, owner.gid);
    fchmodSync(descriptor, mode);
    fsyncSync(descriptor);
  });
}

/** Of each directory of root's that holds a hosts.toml of ours: our files, and the directory where all in it is ours. */
function handOver(certsD: string, agent: Owner): void {
  for (const entry of entriesOf(certsD)) {
    if (!entry.isDirectory()) continue;
    const path = `${certsD}/${entry.name}`;
    withDirectory(path, (descriptor, stats) => {
      // Others than root could swap what is in it.
      if (stats.uid !== 0 || ((stats.mode & 0o022) !== 0 && (stats.mode & 0o1000) === 0)) return;
      const names = readdirSync(path);
      const ours = names.filter((name) => withOurFile(`${path}/${name}`, () => {}));
      if (!ours.includes("hosts.toml")) return;
      for (const name of ours)
        withOurFile(`${path}/${name}`, (file) => fchownSync(file, agent.uid, agent.gid));
      const isWhole = ours.length === names.length;
      fchownSync(descriptor, isWhole ? agent.uid : 0, agent.gid);
      fchmodSync(descriptor, isWhole ? 0o755 : SHARED);
    });
  }
}

function entriesOf(directory: string) {
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(directory, { withFileTypes: true });
}

function withDirectory(path: string, use: (descriptor: number, stats: Stats) => void): void {
  const descriptor = openDirectory(path);
  try {
    use(descriptor, fstatSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

const MAX_FILE_BYTES = 1024 * 1024;

/** True for a plain file of root's with one name that carries our marker. */
function withOurFile(path: string, use: (descriptor: number) => void): boolean {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    const stats = fstatSync(descriptor);
    const isPlain = stats.isFile() && stats.uid === 0 && stats.nlink === 1 && stats.size <= MAX_FILE_BYTES;
    if (!isPlain || !isOwned(readFileSync(descriptor))) return false;
    use(descriptor);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

function sync(directory: string): void {
  withDirectory(directory, (descriptor) => fsyncSync(descriptor));
}
