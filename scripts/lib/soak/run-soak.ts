import { setTimeout as sleep } from "node:timers/promises";
import { flap } from "./act-mirrors.ts";
import { pullAllTheTime, pullOnce } from "./act-pulls.ts";
import { probeLiveness, scrapeAllTheTime } from "./act-scrapes.ts";
import {
  drift,
  driftAtRest,
  type OddCommand,
  operate,
  type Repair,
  reloadAllTheTime,
} from "./act-trouble.ts";
import { changeWishes, THEMES } from "./act-wishes.ts";
import { type Answer, ask } from "./ask.ts";
import type { PullRecord } from "./judge-pulls.ts";
import { type Random, seededRandom } from "./random.ts";
import { parse, type Rest, rest } from "./rest.ts";
import { type Stage, setStage } from "./stage.ts";
import { type Happening, recordTimeline } from "./timeline.ts";
import { type ContainerdWatch, watchContainerd } from "./watch-containerd.ts";

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly containerd: "1.6" | "2.1";
  /** Told of what is under way. */
  readonly say: (text: string) => void;
  /** Gets what was seen so far after each round, for a run that does not come to its end. */
  readonly keep?: (record: SoakRecord) => Promise<void>;
}

/** All that was seen; what it means is judged by `judge-soak.ts`. Times are ms of `performance.now()`. */
export interface SoakRecord {
  readonly options: Omit<SoakOptions, "say" | "keep">;
  readonly installed: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly happenings: readonly Happening[];
  readonly rests: readonly Rest[];
  readonly pulls: readonly PullRecord[];
  readonly wishes: number;
  readonly repairs: readonly Repair[];
  /** Of a file that was damaged at the last rest; undefined before. */
  readonly repairAtRest?: Repair;
  /** How often others changed config.toml. */
  readonly configChanges: number;
  readonly commands: number;
  readonly oddCommands: readonly OddCommand[];
  /** Of /livez, ms, at any time but while the agent was killed and started. */
  readonly livezMs: readonly number[];
  readonly pages: number;
  /** No answer, or 500, where the agent ran. */
  readonly failedPages: readonly string[];
  /** SIGKILLs of the agent by us. */
  readonly kills: number;
  /** Starts by systemd that were not the first: `NRestarts`. */
  readonly agentRestarts: number;
  readonly watchdogKills: number;
  /** What the agent says of each host namespace at the end. */
  readonly verdicts: readonly {
    readonly registry: string;
    readonly verdict: string;
    readonly message: string;
  }[];
  readonly health: string;
  /** Why the agent restarted containerd, by its journal, and how often. */
  readonly restartReasons?: Readonly<Record<string, number>>;
  /** Lines of level error and above in the agent's journal, once each with their number. */
  readonly errors: Readonly<Record<string, number>>;
}

interface Play {
  readonly stage: Stage;
  readonly watch: ContainerdWatch;
  readonly door: string;
  readonly random: Random;
  readonly timeline: ReturnType<typeof recordTimeline>;
  generation: number;
  agentDownUntilMs: number;
  kills: number;
  configChanges: number;
  commands: number;
  pages: number;
  readonly pulls: PullRecord[];
  readonly repairs: Repair[];
  readonly drifted: Map<string, number>;
  readonly oddCommands: OddCommand[];
  readonly livezMs: number[];
  readonly failedPages: string[];
}

const SETTLING_MS = 4_000;
const VERDICTS_MS = 45_000;

export async function runSoak({ minutes, seed, containerd, say, keep }: SoakOptions): Promise<SoakRecord> {
  const timeline = recordTimeline(() => performance.now());
  const stage = await setStage(containerd, timeline);
  try {
    say(`node booted, installed from the ${stage.installed.how}`);
    const watch = await watchContainerd(stage.node, stage.socket, timeline);
    const door = await stage.node.reach(9478);
    const play: Play = {
      stage,
      watch,
      door,
      random: seededRandom(seed),
      timeline,
      generation: 1,
      agentDownUntilMs: 0,
      kills: 0,
      configChanges: 0,
      commands: 0,
      pages: 0,
      pulls: [],
      repairs: [],
      drifted: new Map(),
      oddCommands: [],
      livezMs: [],
      failedPages: [],
    };
    const plan = planRounds(minutes);
    const fromMs = performance.now();
    const rests = [await rest(stage, watch, door, play.generation, new Set(), plan.quietMs)];
    if (rests[0]?.settledMs === undefined)
      throw new Error(`the first desired state is not in force: ${rests[0]?.wrong.join("; ")}`);
    const recordOf = (end: EndOfSoak): SoakRecord => ({
      options: { minutes, seed, containerd },
      installed: stage.installed.how,
      fromMs,
      toMs: performance.now(),
      happenings: timeline.all(),
      rests,
      wishes: play.generation,
      ...pick(play),
      ...end,
    });
    for (let round = 0; round < plan.rounds; round++) {
      await playRound(play, round, plan);
      const measured = await rest(
        stage,
        watch,
        door,
        ++play.generation,
        touchedBy(play.repairs),
        plan.quietMs,
      );
      rests.push(measured);
      say(describeRest(round + 1, plan.rounds, measured, play));
      await keep?.(recordOf(NOT_THERE_YET));
    }
    const end = await lookAtEnd(play);
    await watch.stop();
    return recordOf(end);
  } finally {
    await stage.stop();
  }
}

type EndOfSoak = Pick<
  SoakRecord,
  "repairAtRest" | "verdicts" | "health" | "restartReasons" | "agentRestarts" | "watchdogKills" | "errors"
>;

const NOT_THERE_YET: EndOfSoak = {
  verdicts: [],
  health: "not looked at yet",
  restartReasons: {},
  agentRestarts: 0,
  watchdogKills: 0,
  errors: {},
};

function pick(play: Play) {
  const { pulls, repairs, configChanges, commands, oddCommands, livezMs, pages, failedPages, kills } = play;
  return { pulls, repairs, configChanges, commands, oddCommands, livezMs, pages, failedPages, kills };
}

function touchedBy(repairs: readonly Repair[]): ReadonlySet<string> {
  return new Set(repairs.map(({ path }) => path.split("/")[0] ?? ""));
}

interface Rounds {
  readonly rounds: number;
  readonly roundMs: number;
  /** Memory is given back after five to ten seconds of rest. */
  readonly quietMs: number;
}

/** About a minute each in a long run, never less than three. */
function planRounds(minutes: number): Rounds {
  const forRoundsMs = Math.max(minutes * 60_000 - VERDICTS_MS, 15_000);
  const rounds = Math.max(3, Math.round(forRoundsMs / 60_000));
  const quietMs = minutes < 10 ? 4_000 : 12_000;
  return { rounds, roundMs: Math.max(5_000, forRoundsMs / rounds - SETTLING_MS - quietMs), quietMs };
}

async function playRound(play: Play, round: number, { rounds, roundMs }: Rounds): Promise<void> {
  const { stage, door, random, timeline } = play;
  const endMs = performance.now() + roundMs;
  const until = () => performance.now() >= endMs;
  const theme = THEMES[round % THEMES.length] ?? "changes";
  // Nobody removes an image that another one pulls.
  const shares = [0, 1, 2].map((share) => stage.images.filter((_, i) => i % 3 === share));
  await Promise.all([
    changeWishes(stage, random.fork(), theme, until, () => ++play.generation),
    ...stage.mirrors.map((mirror) => flap(mirror, random.fork(), until)),
    ...shares.map((images) =>
      pullAllTheTime(stage, random.fork(), images, until, (pull) => play.pulls.push(pull)),
    ),
    scrapeAllTheTime(door, random.fork(), until, (answer) => notePage(play, answer)),
    probeLiveness(door, until, (answer) => noteLiveness(play, answer)),
    reloadAllTheTime(stage, random.fork(), until),
    operate(stage, random.fork(), until, (odd) => {
      play.commands++;
      if (odd !== undefined) play.oddCommands.push(odd);
    }),
    drift(stage, random.fork(), timeline, play.drifted, until, (repair) => play.repairs.push(repair)),
    beRough(play, random.fork(), round, rounds, roundMs),
  ]);
}

/**
 * Kills come in the first sixth, so that what is left of the run is one life of the agent, long enough to see it grow.
 * Others restart containerd in every third round, and put their own config.toml in its place three times in a long run.
 */
async function beRough(
  play: Play,
  random: Random,
  round: number,
  rounds: number,
  roundMs: number,
): Promise<void> {
  const { stage, watch } = play;
  await sleep(random.between(1_000, Math.max(1_000, roundMs / 3)));
  if (round < Math.max(rounds / 6, 1)) await killAgent(play);
  if (round % 3 === 1) await watch.restartByOthers();
  // Each takes a restart, of which there are few: not in a short run, which would wait for the next, and not when that
  // would use the budget up, after which nothing is in force for the rest of the hour.
  const every = Math.floor(rounds / 3);
  const spent = play.timeline
    .all()
    .filter((each) => each.kind === "restart" && each.by === "agent" && isThisHour(each)).length;
  // Three rounds before the end at the latest: for two minutes a change is on trial, and what it would be taken back with kept.
  if (rounds >= 10 && round % every === every - 3 && play.configChanges < 3 && spent < MOST_SPENT) {
    play.configChanges++;
    await stage.node.must("cp /etc/lab/config.toml /etc/containerd/config.toml");
  }
}

/** Of the five an hour for changes; one that fails half way may take two. */
const MOST_SPENT = 4;

function isThisHour({ fromMs }: Happening): boolean {
  return performance.now() - fromMs < 3_600_000;
}

async function killAgent(play: Play): Promise<void> {
  play.kills++;
  play.agentDownUntilMs = Number.POSITIVE_INFINITY;
  await play.stage.node.run("systemctl kill --kill-who=main --signal=KILL mirrorlet");
  const deadlineMs = performance.now() + 60_000;
  do await sleep(100);
  while ((await ask(play.door, "/livez")).status !== 200 && performance.now() < deadlineMs);
  play.agentDownUntilMs = performance.now();
}

function notePage(play: Play, { path, status, ms }: Answer): void {
  play.pages++;
  const failed = status === 0 || (status >= 500 && path !== "/health" && path !== "/readyz");
  const wasDown = performance.now() - ms < play.agentDownUntilMs + 100;
  if (failed && !wasDown)
    play.failedPages.push(`${path}: ${status || "no answer"} after ${Math.round(ms)} ms`);
}

function noteLiveness(play: Play, { status, ms }: Answer): void {
  if (performance.now() - ms < play.agentDownUntilMs + 100) return;
  if (status === 200) play.livezMs.push(ms);
  else play.failedPages.push(`/livez: ${status || "no answer"} after ${Math.round(ms)} ms`);
}

/** Mirrors are well: pulls go there, and that is what the agent has to say. */
async function lookAtEnd(play: Play): Promise<EndOfSoak> {
  const { stage, door } = play;
  const { node, world } = stage;
  const repairAtRest = await driftAtRest(stage, play.random.fork());
  const wanted = [...world.open, world.closed];
  const deadlineMs = performance.now() + VERDICTS_MS + 30_000;
  let verdicts: SoakRecord["verdicts"] = [];
  do {
    for (const image of stage.images.filter(({ registry }) => wanted.includes(registry)))
      play.pulls.push(
        await pullOnce(stage.socket, image.registry, `${image.repository}@${image.digest}`, true),
      );
    await sleep(5_000);
    const known = parse((await ask(door, "/status.json")).body)?.evidence?.registries ?? [];
    verdicts = wanted.map((registry) => {
      const verdict = known.find(({ namespace }) => namespace === registry)?.verdict;
      return { registry, verdict: verdict?.name ?? "none", message: verdict?.message ?? "" };
    });
  } while (verdicts.some(({ verdict }) => verdict !== "mirrored") && performance.now() < deadlineMs);
  const health = await ask(door, "/health");
  const journal = (await node.journal("mirrorlet")).split("\n");
  const shown = await node.must("systemctl show --property=NRestarts --value mirrorlet");
  return {
    repairAtRest,
    verdicts,
    health: `${health.status} ${/"status":"(\w+)"/.exec(health.body)?.[1] ?? ""}`,
    agentRestarts: Number(shown),
    restartReasons: countMatches(journal, /restarting containerd reason=(.*)/),
    watchdogKills: journal.filter((line) => /watchdog timeout/i.test(line)).length,
    errors: countErrors(
      (await node.must("journalctl --no-pager --output=cat --priority=err --unit=mirrorlet")).split("\n"),
    ),
  };
}

function countMatches(lines: readonly string[], pattern: RegExp): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const key = pattern.exec(line)?.[1]?.slice(0, 120);
    if (key !== undefined) counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function countErrors(journal: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of journal) {
    if (line === "") continue;
    const key = line.replace(/\d+/g, "N").slice(0, 160);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function describeRest(round: number, rounds: number, { agent, settledMs, waited }: Rest, play: Play): string {
  const figures =
    agent === undefined
      ? "no agent"
      : `${agent.rssMiB.toFixed(0)} MiB, heap ${agent.heapMiB.toFixed(0)} of ${agent.heapTotalMiB.toFixed(0)}, external ${agent.externalMiB.toFixed(0)}, ${agent.descriptors} descriptors, ${agent.threads} threads`;
  const settled = settledMs === undefined ? "never settled" : `settled in ${Math.round(settledMs)} ms`;
  const why = waited === undefined ? "" : ` (${waited})`;
  return `round ${round} of ${rounds}: ${settled}${why}, ${figures}; ${play.pulls.length} pulls, ${play.generation} desired states`;
}
