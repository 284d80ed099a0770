import type { Clock, Files } from "../../agent/ports.ts";
import { openSealedJson, sealJson } from "../../agent/sealed-json.ts";
import type { ChangeChain } from "../../core/privilege/change-chain.ts";
import type { NamedImage } from "../../core/privilege/created-records.ts";
import { type Moment, spentAllowance } from "../../core/privilege/restart-allowance.ts";

/** What the helper must not forget between two runs, nor take from anybody else. */
export interface HelperState {
  readonly restarts: readonly Moment[];
  /** Something was put back since the last restart: the next one is a way back. */
  readonly isWayBack: boolean;
  /** A drop-in was written or removed, and systemd has not read that. */
  readonly unitsChanged: boolean;
  /** Receivers of traces that it has named in config.toml. */
  readonly receivers: readonly string[];
  /** Changes by path, as long as they follow one upon the other. */
  readonly changes: Readonly<Record<string, ChangeChain>>;
  /** Each file as it was before its first change. */
  readonly first: Readonly<Record<string, { readonly digest: string | null; readonly mode?: number }>>;
  /** Image records that came with its pulls. */
  readonly created: readonly NamedImage[];
  /** Canaries of the last desired state that could be read. */
  readonly canaries: readonly string[];
  /** How directories stood before they were opened to the agent; null: there was none. */
  readonly opened: Readonly<Record<string, OpenedDirectory | null>>;
}

export interface OpenedDirectory {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface StateKeeper {
  load(): Promise<HelperState>;
  /** Durable when it resolves. */
  update(change: Partial<HelperState>): Promise<void>;
}

const EMPTY: HelperState = {
  restarts: [],
  isWayBack: false,
  unitsChanged: false,
  receivers: [],
  changes: {},
  first: {},
  created: [],
  canaries: [],
  opened: {},
};

const SCHEMA = "mirrorlet.helper-state/v1";

interface KeeperPorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly sha256: (bytes: Uint8Array) => string;
}

export function createStateKeeper(directory: string, { files, clock, sha256 }: KeeperPorts): StateKeeper {
  const path = `${directory}/state.json`;
  let known: { readonly digest: string | undefined; readonly state: HelperState } | undefined;
  const load = async (): Promise<HelperState> => {
    // Root's command line writes it, too.
    const bytes = (await files.read(path))?.bytes;
    const digest = bytes && sha256(bytes);
    if (known !== undefined && known.digest === digest) return known.state;
    const moment = { bootId: clock.bootId, uptimeMs: clock.uptimeMs() };
    const state = decode(bytes, sha256) ?? { ...EMPTY, restarts: spentAllowance(moment) };
    known = { digest, state };
    return state;
  };
  return {
    load,
    async update(change) {
      const next = { ...(await load()), ...change };
      await files.write([{ path, bytes: sealJson(SCHEMA, next, sha256), mode: 0o600, secret: true }]);
    },
  };
}

/** An empty state where there is no file; undefined where it cannot be trusted. */
function decode(bytes: Uint8Array | undefined, sha256: KeeperPorts["sha256"]): HelperState | undefined {
  if (bytes === undefined) return EMPTY;
  const opened = openSealedJson(SCHEMA, bytes, sha256) as Partial<HelperState> | undefined;
  return opened && { ...EMPTY, ...opened };
}
