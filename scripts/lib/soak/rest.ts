import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { writeWish } from "./act-wishes.ts";
import { ask } from "./ask.ts";
import { measureProcess, outerPid, type ProcessFigures } from "./measure-process.ts";
import type { Stage } from "./stage.ts";
import type { ContainerdWatch } from "./watch-containerd.ts";
import { baseline, type Wish } from "./wish.ts";

/** The node when nothing is going on, under the desired state that is the same at every rest. */
export interface Rest {
  readonly atMs: number;
  /** Until the last desired state was in force; undefined: it never was. */
  readonly settledMs: number | undefined;
  /** How the agent said it stood, where it took long or for ever: `deferred: containerd must be restarted…`. */
  readonly waited?: string;
  /** What differs from the last desired state; empty for nothing. */
  readonly wrong: readonly string[];
  readonly agent: (ProcessFigures & JavaScriptMemory) | undefined;
  readonly helper: ProcessFigures | undefined;
  readonly containerd: ProcessFigures | undefined;
  /** Every file of the agent's, and of places for temp files. */
  readonly names: readonly string[];
  readonly journalBytes: number;
}

/** Of the agent, by itself, MiB. */
export interface JavaScriptMemory {
  readonly heapMiB: number;
  /** Of `heapMiB`, what V8 has compiled. */
  readonly codeMiB: number;
  /** What V8 has taken for the heap. */
  readonly heapTotalMiB: number;
  /** Buffers and other memory of objects that is not in the heap. */
  readonly externalMiB: number;
}

const SETTLE_MS = 90_000;
const LONG_MS = 10_000;
const CERTS_D = "/etc/containerd/certs.d";

/** Brings the node to rest, and measures. Mirrors are well and nobody pulls. */
export async function rest(
  stage: Stage,
  watch: ContainerdWatch,
  door: string,
  generation: number,
  /** Host namespaces below which others have written: what is not wanted there is theirs. */
  touched: ReadonlySet<string>,
  /** Between the last change and the look. */
  quietMs: number,
): Promise<Rest> {
  const { node } = stage;
  await stage.writeSecrets(undefined);
  const wish = baseline(stage.world, generation);
  const fromMs = performance.now();
  await writeWish(stage, wish.text, true);
  const { settled, waited } = await untilInForce(door, generation, fromMs);
  const settledMs = settled ? performance.now() - fromMs : undefined;
  await sleep(quietMs);
  const agent = await measureService(stage, "mirrorlet");
  const pid = watch.pid();
  return {
    atMs: performance.now(),
    settledMs,
    ...(waited === undefined ? {} : { waited }),
    wrong: await compare(stage, wish, touched),
    agent: agent === undefined ? undefined : { ...agent, ...(await memoryOf(door)) },
    helper: await measureService(stage, "mirrorlet-helper"),
    containerd: pid === undefined ? undefined : await measureProcess(pid),
    names: (await node.must(LIST)).trim().split("\n"),
    journalBytes: Number(await node.must("journalctl --unit=mirrorlet --output=cat | wc -c")),
  };
}

const LIST =
  "find /etc/containerd /etc/mirrorlet /var/lib/mirrorlet* /run/mirrorlet* /tmp /var/tmp 2>/dev/null | sort; true";

/** `waited`: what stood in the way, once it took longer than a pass can. */
async function untilInForce(
  door: string,
  generation: number,
  fromMs: number,
): Promise<{ readonly settled: boolean; readonly waited?: string }> {
  let seen: string | undefined;
  while (performance.now() < fromMs + SETTLE_MS) {
    const { status, body } = await ask(door, "/status.json");
    const config = parse(body)?.config;
    const waited = seen === undefined ? {} : { waited: seen };
    if (config?.observedGeneration === generation && config.inSync === true)
      return { settled: true, ...waited };
    if (performance.now() > fromMs + LONG_MS) seen = describe(config) ?? `no answer: ${status}`;
    await sleep(50);
  }
  return { settled: false, waited: seen ?? "" };
}

function describe(config: Status["config"]): string | undefined {
  if (config === undefined) return undefined;
  const { outcome, generation, observedGeneration, conditions = [] } = config;
  const words = conditions.map(({ type, message }) => `${type}: ${message}`).join("; ");
  return `${outcome}: generation ${generation} wanted, ${observedGeneration} in force; ${words}`.slice(
    0,
    500,
  );
}

interface Status {
  readonly config?: {
    readonly outcome?: string;
    readonly generation?: number;
    readonly observedGeneration: number;
    readonly inSync: boolean;
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  };
  readonly evidence?: {
    readonly registries: readonly {
      readonly namespace: string;
      readonly verdict: { readonly name: string; readonly message: string };
    }[];
  };
}

export function parse(body: string): Status | undefined {
  try {
    return JSON.parse(body) as Status;
  } catch {
    return undefined;
  }
}

/** What the files say, against the desired state: not in the agent's words. */
async function compare(
  { node }: Stage,
  wish: Wish,
  touched: ReadonlySet<string>,
): Promise<readonly string[]> {
  const found = (await node.run(`ls -A ${CERTS_D}`)).stdout.split("\n").filter((name) => name !== "");
  const extra = found
    .filter((name) => !wish.registries.has(name) && !touched.has(name))
    .map((name) => `${name} is still there`);
  const wrong = await Promise.all(
    [...wish.registries].map(async ([namespace, mirrors]) => {
      const text = await readFile(node.path(`${CERTS_D}/${namespace}/hosts.toml`), "utf8").catch(() => "");
      const hosts = [...text.matchAll(/^(?:\[host\."([^"]+)"\]|server = "([^"]+)")/gm)].map(
        ([, host, server]) => host ?? server ?? "",
      );
      const wanted = mirrors.map(({ endpoint }) => endpoint);
      const got = hosts.filter((host) => wanted.some((want) => host.startsWith(want)));
      const same = got.length === wanted.length && wanted.every((want, i) => got[i]?.startsWith(want));
      if (!same) return [`${namespace} has the hosts ${hosts.join(", ") || "of no file"}`];
      const named = [...text.matchAll(/^ *ca = "([^"]+)"/gm)].map(([, file]) => `${namespace}/${file}`);
      const pems = await Promise.all(
        named.map((file) => readFile(node.path(`${CERTS_D}/${file}`), "utf8").catch(() => "")),
      );
      return named
        .filter((_, i) => pems[i]?.includes("-----BEGIN CERTIFICATE") !== true)
        .map((file) => `${file} is damaged`);
    }),
  );
  return [...extra, ...wrong.flat()];
}

async function measureService({ node }: Stage, unit: string): Promise<ProcessFigures | undefined> {
  const { stdout } = await node.run(`systemctl show --property=MainPID --value ${unit}`);
  const inner = Number(stdout);
  const pid = inner > 0 ? await outerPid(node.leader, inner) : undefined;
  return pid === undefined ? undefined : measureProcess(pid);
}

async function memoryOf(door: string): Promise<JavaScriptMemory> {
  const { body } = await ask(door, "/metrics");
  const mib = (name: string): number =>
    Number(new RegExp(`^nodejs_${name}_bytes (\\S+)`, "m").exec(body)?.[1] ?? Number.NaN) / 2 ** 20;
  return {
    heapMiB: mib("heap_size_used"),
    codeMiB: mib("heap_code"),
    heapTotalMiB: mib("heap_size_total"),
    externalMiB: mib("external_memory"),
  };
}
