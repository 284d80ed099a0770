import { mkdir, readdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WISH_PATH } from "./act-wishes.ts";
import type { Random } from "./random.ts";
import type { Stage } from "./stage.ts";
import type { Timeline } from "./timeline.ts";

export async function reloadAllTheTime(stage: Stage, random: Random, until: () => boolean): Promise<void> {
  while (!until()) {
    await sleep(random.between(200, 3_000));
    // Not `kill -HUP`: while the agent starts, that ends it.
    await stage.node.run("systemctl reload --no-block mirrorlet");
  }
}

/** A command of an operator that ended as none should. */
export interface OddCommand {
  readonly command: string;
  readonly status: number;
  readonly words: string;
}

/** What operators do; every command has to end in time, with a status of its own, and without a stack trace. */
export async function operate(
  stage: Stage,
  random: Random,
  until: () => boolean,
  record: (odd: OddCommand | undefined) => void,
): Promise<void> {
  const commands = [
    "status",
    "status --json",
    "status --npd",
    "doctor",
    "doctor --json",
    `plan ${WISH_PATH}`,
    `validate ${WISH_PATH}`,
    ...stage.world.open.map((namespace) => `explain ${namespace}/team/app:1`),
  ];
  while (!until()) {
    const command = random.pick(commands);
    const { status, stderr } = await stage.node.run(`${stage.installed.command} ${command}`, 60_000);
    const odd = ![0, 1, 2, 65].includes(status) || /^\s+at .*:\d+:\d+\)?$/m.test(stderr);
    record(odd ? { command, status, words: stderr.slice(-500) } : undefined);
    await sleep(random.between(500, 3_000));
  }
}

/** How long a damaged file stayed so, ms; undefined: it was still so when nobody waited any longer. */
export interface Repair {
  readonly path: string;
  readonly ms: number | undefined;
}

const CERTS_D = "/etc/containerd/certs.d";
/** The agent repairs a file three times an hour at once, then ever slower. */
const MOST_PER_PATH = 2;

/** Another tool that writes below certs.d: it damages files of the agent's, and makes and removes its own. */
export async function drift(
  stage: Stage,
  random: Random,
  timeline: Timeline,
  done: Map<string, number>,
  until: () => boolean,
  record: (repair: Repair) => void,
): Promise<void> {
  const root = stage.node.path(CERTS_D);
  while (!until()) {
    await sleep(random.between(500, 3_000));
    if (random.chance(0.2)) await foreignDirectory(root);
    const names = (await readdir(root).catch(() => [])).filter((name) => name !== stage.world.closed);
    if (names.length === 0) continue;
    const name = random.pick(names);
    // Not a file that is being written: nobody could say when that is put right.
    const files = (await readdir(join(root, name)).catch(() => [])).filter((file) => !file.startsWith("."));
    if (files.length === 0) continue;
    const file = random.pick(files);
    const path = join(root, name, file);
    const times = done.get(`${name}/${file}`) ?? 0;
    if (times >= MOST_PER_PATH) continue;
    done.set(`${name}/${file}`, times + 1);
    const end = timeline.begin({ kind: "drift", registry: name, what: file });
    record({ path: `${name}/${file}`, ms: await damage(path, random, until) });
    end();
  }
}

/** The same to a file of a host namespace that is wanted before and after: that one has to be put right. */
export async function driftAtRest({ node, world }: Stage, random: Random): Promise<Repair> {
  const file = `${world.open[0]}/hosts.toml`;
  return { path: file, ms: await damage(node.path(join(CERTS_D, file)), random, () => false) };
}

async function foreignDirectory(root: string): Promise<void> {
  const dir = join(root, "foreign.example");
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true }).catch(() => {});
  await writeFile(join(dir, "hosts.toml"), 'server = "https://foreign.example"\n').catch(() => {});
  await sleep(200);
  await rm(dir, { recursive: true, force: true });
}

async function damage(path: string, random: Random, until: () => boolean): Promise<number | undefined> {
  const removed = random.chance(0.5);
  let garbage = "";
  try {
    // Its first line says whose it is: without that it would be somebody else's, and left alone.
    const [marker = ""] = (await readFile(path, "utf8")).split("\n", 1);
    garbage = `${marker}\n[[[ ${random.next()}\n`;
    if (removed) await unlink(path);
    else await writeFile(path, garbage);
  } catch {
    return 0; // it went away meanwhile
  }
  const fromMs = performance.now();
  while (performance.now() - fromMs < 60_000) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (removed ? text !== undefined : text !== garbage) return performance.now() - fromMs;
    if (until() && performance.now() - fromMs > 5_000) return undefined;
    await sleep(20);
  }
  return undefined;
}
