import { candidatePath } from "../../agent/check-candidate.ts";
import type { ImageSelection } from "../../agent/evidence/image-store.ts";
import { type Clock, type Containerd, HostError } from "../../agent/ports.ts";
import type { AgentConfig } from "../../core/agent-config/agent-config.ts";
import { parseImageReference } from "../../core/containerd/image-reference.ts";
import { createdBy, mayDelete, type NamedImage, withCreated } from "../../core/privilege/created-records.ts";
import { allowanceMs, withMoment } from "../../core/privilege/restart-allowance.ts";
import type { StateKeeper } from "./helper-state.ts";
import { pathIn, textIn, textsIn } from "./read-args.ts";
import { malformed, type Verb, type Verbs } from "./serve-verbs.ts";
import type { Request } from "./wire.ts";

export interface DaemonPorts {
  readonly config: AgentConfig;
  readonly containerd: Containerd;
  readonly clock: Clock;
  readonly state: StateKeeper;
  /** Canaries of the desired state, as far as it is root's; undefined: it cannot be read. */
  readonly canaries: () => Promise<readonly string[] | undefined>;
  /** Proxies and certificate variables of the daemon that runs. */
  readonly registryEnvironment: () => Readonly<Record<string, string>>;
}

const MAX_PULL_MS = 120_000;

/** Questions to containerd, its restart, and pulls of canaries. */
export function daemonVerbs(ports: DaemonPorts): Verbs {
  const { config, containerd, state } = ports;
  const { images } = containerd;
  const readable = [config.containerd.config, candidatePath(config.containerd.config)];
  return {
    dump: ask(async (args) => {
      const path = pathIn(args);
      if (!readable.includes(path)) throw malformed(`${path} is not to be dumped`);
      return containerd.dumpConfig(path);
    }),
    "started-ms": ask(() => containerd.startedMs()),
    instance: ask(() => containerd.instance()),
    health: ask((_, signal) => containerd.health(signal)),
    exporter: ask((_, signal) => containerd.exporter(signal)),
    "traces-environment": ask(() => containerd.tracesEnvironment()),
    "registry-environment": ask(async () => ports.registryEnvironment()),
    "unit-state": ask(() => containerd.unitState()),
    "unit-awaits-reload": ask(() => containerd.unitAwaitsReload()),
    "reload-units": change(async () => {
      // Another reload would put in force what others have changed since.
      if (!(await state.load()).unitsChanged) return { ok: true };
      const result = await containerd.reloadUnits();
      if (result.ok) await state.update({ unitsChanged: false });
      return result;
    }),
    restart: change(() => restart(ports)),
    pull: change((args, signal) => pull(textIn(args, "reference"), Number(args["timeoutMs"]), ports, signal)),
    records: ask((args, signal) => images.records(selectionIn(args), signal)),
    "are-used": ask((args, signal) => images.areUsed(textsIn(args, "names", 64), signal)),
    "delete-records": change(async (args, signal) => {
      const names = textsIn(args, "names", 64);
      const { created } = await state.load();
      const present = await images.records("all", signal);
      if (present === undefined || !mayDelete(names, created, present))
        return { ok: false, message: "the root helper deletes only what its own pulls have brought" };
      if ((await images.areUsed(names, signal)) !== false)
        return { ok: false, message: "the image is used by now" };
      return images.deleteRecords(names, signal);
    }),
    content: ask((args, signal) => images.content(textIn(args, "name"), signal)),
    watch: {
      changes: false,
      run: (_, signal, tell) =>
        images.watch({ onOpen: (version) => tell({ version }), onEvent: (event) => tell({ event }) }, signal),
    },
  };
}

type Run = (args: Request["args"], signal: AbortSignal) => Promise<unknown>;

function ask(run: Run): Verb {
  return { changes: false, run };
}

function change(run: Run): Verb {
  return { changes: true, run };
}

/** Noted before it is done: one that is cut off counts. It is never cut off by whoever asked. */
async function restart({ containerd, clock, state }: DaemonPorts): Promise<unknown> {
  const now = { bootId: clock.bootId, uptimeMs: clock.uptimeMs() };
  const { restarts, isWayBack } = await state.load();
  const waitMs = allowanceMs(restarts, now, isWayBack);
  if (waitMs > 0) {
    const message = `the root helper has restarted containerd too often of late and does it again in ${Math.ceil(waitMs / 1000)} s at the earliest`;
    return { ok: false, message };
  }
  await state.update({ restarts: withMoment(restarts, now), isWayBack: false });
  return containerd.restart(new AbortController().signal);
}

/**
 * Only of canaries that root's desired state names: a pull moves the tag of an image that is there already, and pods
 * would run what it brings.
 */
async function pull(
  reference: string,
  timeoutMs: number,
  ports: DaemonPorts,
  signal: AbortSignal,
): Promise<unknown> {
  const { containerd, state } = ports;
  const parsed = parseImageReference(reference);
  const allowed = await canariesOf(ports);
  if (!parsed.ok || !allowed.includes(reference))
    throw new HostError(
      "helper-refused",
      "",
      `the root helper pulls canaries only, and ${JSON.stringify(reference.slice(0, 200))} is none`,
      { retryable: false },
    );
  const recordsNow = (): Promise<readonly NamedImage[] | undefined> =>
    containerd.images.records("all", AbortSignal.timeout(10_000));
  const before = await recordsNow();
  const limitMs = Number.isFinite(timeoutMs) ? Math.min(Math.max(timeoutMs, 1), MAX_PULL_MS) : MAX_PULL_MS;
  try {
    return await containerd.pullImage(reference, limitMs, signal);
  } finally {
    const names = before && new Set(before.map(({ name }) => name));
    const after = names && (await recordsNow());
    const fresh = names && after ? createdBy(parsed.reference, names, after) : [];
    if (fresh.length > 0) {
      const { created } = await state.load();
      await state.update({ created: withCreated(created, fresh) });
    }
  }
}

async function canariesOf({ canaries, state }: DaemonPorts): Promise<readonly string[]> {
  const now = await canaries();
  const { canaries: last } = await state.load();
  if (now === undefined) return last;
  if (JSON.stringify(now) !== JSON.stringify(last)) await state.update({ canaries: now });
  return now;
}

function selectionIn(args: Request["args"]): ImageSelection {
  const { select } = args as { select?: unknown };
  if (select === "all") return "all";
  const entries = typeof select === "object" && select !== null ? Object.entries(select) : [];
  const [key, value] = entries.length === 1 ? (entries[0] ?? []) : [];
  if (typeof value === "string" && value.length <= 4096) {
    if (key === "name") return { name: value };
    if (key === "target") return { target: value };
  }
  throw malformed("select is neither all, nor one name, nor one target");
}
