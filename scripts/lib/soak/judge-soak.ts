import { growthOf, isLeak, quantile, type RestPoint } from "./judge-growth.ts";
import { leftBehind } from "./judge-names.ts";
import { type Cause, causeOf, type PullRecord } from "./judge-pulls.ts";
import { isSpent, judgeRestarts } from "./judge-restarts.ts";
import type { ProcessFigures } from "./measure-process.ts";
import type { JavaScriptMemory, Rest } from "./rest.ts";
import type { SoakRecord } from "./run-soak.ts";

/** One promise, what was seen of it, and what is wrong with that. */
export interface Check {
  readonly name: string;
  readonly figure: string;
  readonly wrong: readonly string[];
}

/** Above half of what its unit allows the agent is too big, whatever it grew by. */
const MOST_RSS_MIB = 256;

/** Twice of what it comes to in an hour. */
const MOST_CODE_MIB = 32;

export function judgeSoak(record: SoakRecord): readonly Check[] {
  return [
    judgePulls(record),
    checkRestarts(record),
    judgeSettled(record),
    judgeEnd(record),
    ...judgeProcess("agent", record.rests, (rest) => rest.agent, 0),
    ...judgeProcess("helper", record.rests, (rest) => rest.helper, 0),
    ...judgeHeap(record),
    judgeContainerd(record),
    judgeNames(record),
    judgeStarts(record),
    judgeLiveness(record),
    judgePages(record),
    judgeCommands(record),
    judgeRepairs(record),
    judgeJournal(record),
  ];
}

function judgePulls({ pulls, happenings }: SoakRecord): Check {
  const byCause = new Map<Cause, PullRecord[]>();
  for (const pull of pulls) {
    const cause = causeOf(pull, happenings);
    byCause.set(cause, [...(byCause.get(cause) ?? []), pull]);
  }
  const figure = [...byCause].map(([cause, { length }]) => `${length} ${cause}`).join(", ");
  const faults = (["unexplained", "impossible"] as const).flatMap((cause) => byCause.get(cause) ?? []);
  const wrong = faults.map(({ image, fromMs, toMs, error }) => {
    const [from, to] = [fromMs, toMs].map((ms) => (ms / 1000).toFixed(1));
    return `${image}, ${from} s to ${to} s: ${error?.message ?? "pulled, and nobody has it"}`;
  });
  return { name: "pulls failed because of us: 0", figure: `${pulls.length} pulls: ${figure}`, wrong };
}

function checkRestarts({ happenings, configChanges, restartReasons = {} }: SoakRecord): Check {
  const restarts = happenings.flatMap((each) => (each.kind === "restart" ? [each] : []));
  const byAgentMs = restartsByAgent(happenings);
  // The first: config_path, and the traces with it.
  const wrong = judgeRestarts({ byAgentMs, reasons: 1 + configChanges });
  const others = restarts.length - byAgentMs.length;
  return {
    name: "restarts of containerd within budget, none for certs.d",
    figure: `${byAgentMs.length} by the agent, for its first change and ${configChanges} of config.toml by others${describeReasons(restartReasons)}; ${others} by others`,
    wrong,
  };
}

function restartsByAgent(happenings: SoakRecord["happenings"]): readonly number[] {
  return happenings.flatMap((each) => (each.kind === "restart" && each.by === "agent" ? [each.fromMs] : []));
}

function describeReasons(reasons: Readonly<Record<string, number>>): string {
  const told = Object.entries(reasons).map(([reason, count]) => `${count} × ${reason}`);
  return told.length === 0 ? "" : ` (its journal: ${told.join(", ")})`;
}

function judgeSettled({ rests, happenings }: SoakRecord): Check {
  const byAgentMs = restartsByAgent(happenings);
  const waits = (rest: Rest): boolean =>
    rest.settledMs === undefined &&
    rest.waited?.startsWith("deferred:") === true &&
    isSpent(byAgentMs, rest.atMs);
  const waiting = rests.filter(waits).length;
  const times = rests
    .flatMap(({ settledMs }) => (settledMs === undefined ? [] : [settledMs]))
    .sort(ascending);
  const spent = waiting === 0 ? "" : `; ${waiting} times the restart budget was used up, as designed`;
  return {
    name: "the last desired state is in force",
    figure: `${times.length} of ${rests.length} times; ${Math.round(quantile(times, 0.5))} ms median, ${Math.round(times.at(-1) ?? Number.NaN)} ms at most${spent}`,
    wrong: rests.flatMap((rest, i) => {
      if (waits(rest)) return [];
      const { settledMs, waited = "", wrong } = rest;
      return [
        ...(settledMs === undefined ? [`rest ${i}: not in force: ${waited}`] : []),
        ...wrong.map((what) => `rest ${i}: ${what}`),
      ];
    }),
  };
}

function judgeEnd({ verdicts, health }: SoakRecord): Check {
  return {
    name: "verdicts and health are right at the end",
    figure: `${verdicts.filter(({ verdict }) => verdict === "mirrored").length} of ${verdicts.length} mirrored; /health ${health}`,
    wrong: [
      ...verdicts
        .filter(({ verdict }) => verdict !== "mirrored")
        .map(({ registry, verdict, message }) => `${registry}: ${verdict}: ${message}`),
      ...(health === "200 pass" ? [] : [`/health: ${health}`]),
    ],
  };
}

type Look = (rest: Rest) => (ProcessFigures & Partial<JavaScriptMemory>) | undefined;

/** Of the longest life of the process. */
function judgeProcess(name: string, rests: readonly Rest[], look: Look, slack: number): readonly Check[] {
  const life = longestLife(rests, look);
  if (life.length < 2) return [];
  const rss = life.map(({ atMs, figures }): RestPoint => ({ atMs, value: figures.rssMiB }));
  const most = Math.max(...rss.map(({ value }) => value));
  // What V8 compiles has a limit of its own.
  const kept = life.map(({ atMs, figures: { rssMiB, codeMiB = 0 } }) => ({ atMs, value: rssMiB - codeMiB }));
  const leaks = isLeak(kept, { perHour: 1, noise: noiseOf(kept) });
  return [
    {
      name: `${name}: memory`,
      figure: `${rss[0]?.value.toFixed(1)} to ${rss.at(-1)?.value.toFixed(1)} MiB, at most ${most.toFixed(1)}, over ${life.length} rests${describeGrowth(kept)}`,
      wrong: [
        ...(leaks ? [`it grows${describeGrowth(kept)}`] : []),
        ...(most > MOST_RSS_MIB ? [`${most.toFixed(0)} MiB, the limit is ${MOST_RSS_MIB}`] : []),
      ],
    },
    ...(["descriptors", "threads", "inotifyWatches", "zombies"] as const).map((key) =>
      judgeCount(
        `${name}: ${key === "inotifyWatches" ? "inotify watches" : key}`,
        life.map(({ figures }) => figures[key]),
        key === "descriptors" ? 4 + slack : slack,
        key === "zombies",
      ),
    ),
  ];
}

/** Node's heap is as big as it likes for the first minutes. */
function noiseOf(points: readonly RestPoint[]): number {
  const minutes = ((points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0)) / 60_000;
  return minutes < 15 ? 40 : 6;
}

function judgeCount(name: string, counts: readonly number[], slack: number, wantsNone: boolean): Check {
  // What is opened by need, such as a connection to containerd, may be there or not at the first rest.
  const early = wantsNone ? 0 : Math.max(...counts.slice(0, Math.max(2, Math.ceil(counts.length / 4))));
  const late = counts.at(-1) ?? 0;
  const lowestLate = Math.min(...counts.slice(-2));
  const wrong = lowestLate > early + slack ? [`${early} at first, ${late} in the end`] : [];
  return { name, figure: `${counts[0]} to ${late}, at most ${Math.max(...counts)}`, wrong };
}

function longestLife(rests: readonly Rest[], look: Look) {
  const lives = new Map<number, { atMs: number; figures: NonNullable<ReturnType<Look>> }[]>();
  for (const rest of rests) {
    const figures = look(rest);
    if (figures === undefined) continue;
    lives.set(figures.pid, [...(lives.get(figures.pid) ?? []), { atMs: rest.atMs, figures }]);
  }
  return [...lives.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

/** Data must not grow; what V8 compiles may, for an hour or so, and as far as there are functions to compile. */
function judgeHeap({ rests }: SoakRecord): readonly Check[] {
  const life = longestLife(rests, (rest) => rest.agent);
  const pid = life[0]?.figures.pid;
  const of = (look: (agent: JavaScriptMemory) => number): readonly RestPoint[] =>
    rests.flatMap(({ agent, atMs }) =>
      agent !== undefined && agent.pid === pid ? [{ atMs, value: look(agent) }] : [],
    );
  const data = of(({ heapMiB, codeMiB }) => heapMiB - codeMiB);
  const code = of(({ codeMiB }) => codeMiB);
  const most = Math.max(...code.map(({ value }) => value));
  return [
    {
      name: "agent: JavaScript heap, data",
      figure: describeRange(data),
      wrong: isLeak(data, { perHour: 1, noise: noiseOf(data) }) ? [`it grows${describeGrowth(data)}`] : [],
    },
    {
      name: "agent: JavaScript heap, compiled code",
      figure: describeRange(code),
      wrong: most > MOST_CODE_MIB ? [`${most.toFixed(1)} MiB, the limit is ${MOST_CODE_MIB}`] : [],
    },
  ];
}

function describeRange(points: readonly RestPoint[]): string {
  return `${points[0]?.value.toFixed(1)} to ${points.at(-1)?.value.toFixed(1)} MiB${describeGrowth(points)}`;
}

/** It is not our program; it leaks because of us when connections to it are not closed. */
function judgeContainerd({ rests }: SoakRecord): Check {
  const counts = rests.flatMap(({ containerd }) =>
    containerd === undefined ? [] : [containerd.descriptors],
  );
  const judged = judgeCount("containerd: descriptors", counts, 12, false);
  const last = rests.at(-1)?.containerd;
  return { ...judged, figure: `${judged.figure}; ${last?.rssMiB.toFixed(0)} MiB, ${last?.threads} threads` };
}

/** Of files that others put in the way the agent keeps the original, and puts it back: both are theirs. */
function judgeNames({ rests, repairs }: SoakRecord): Check {
  const [first, last] = [rests[0]?.names ?? [], rests.at(-1)?.names ?? []];
  const touched = new Set(repairs.flatMap(({ path }) => [path, path.split("/")[0] ?? ""]));
  const isTheirs = (name: string): boolean => touched.has(/\/certs\.d\/(.+)/.exec(name)?.[1] ?? "");
  const isOriginal = (name: string): boolean => name.includes("/mirrorlet/original/");
  const all = leftBehind(first, last);
  const originals = all.filter(isOriginal).length;
  const paths = new Set(repairs.map(({ path }) => path)).size;
  const left = [
    ...all.filter((name) => !isOriginal(name) && !isTheirs(name)),
    ...(originals > paths ? [`${originals} originals of ${paths} files of others`] : []),
  ];
  return {
    name: "no file is left behind",
    figure: `${first.length} files at first, ${last.length} in the end`,
    wrong: left,
  };
}

function judgeStarts({ kills, agentRestarts, watchdogKills, rests }: SoakRecord): Check {
  const missing = rests.filter(({ agent }) => agent === undefined).length;
  return {
    name: "the agent ends only when it is killed",
    figure: `${kills} times killed, ${agentRestarts} times started again, ${watchdogKills} times by the watchdog`,
    wrong: [
      ...(agentRestarts > kills ? [`${agentRestarts - kills} starts that nobody asked for`] : []),
      ...(watchdogKills > 0 ? [`the watchdog ended it ${watchdogKills} times`] : []),
      ...(missing > 0 ? [`it did not run at ${missing} rests`] : []),
    ],
  };
}

function judgeLiveness({ livezMs }: SoakRecord): Check {
  const sorted = [...livezMs].sort(ascending);
  const [p50, p99, most] = [quantile(sorted, 0.5), quantile(sorted, 0.99), sorted.at(-1) ?? Number.NaN];
  return {
    name: "/livez answers",
    figure: `${sorted.length} times: ${p50.toFixed(1)} ms median, ${p99.toFixed(0)} ms p99, ${most.toFixed(0)} ms at most`,
    wrong: [
      ...(sorted.length === 0 ? ["it never did"] : []),
      // A kubelet's probe gives up after a second. In few answers the slowest says nothing but how busy the machine was.
      ...(sorted.length > 1_000 && p99 > 1_000 ? [`p99 of ${p99.toFixed(0)} ms`] : []),
    ],
  };
}

function judgePages({ pages, failedPages }: SoakRecord): Check {
  return { name: "every page is served", figure: `${pages} pages`, wrong: failedPages };
}

function judgeCommands({ commands, oddCommands }: SoakRecord): Check {
  return {
    name: "every command ends as it should",
    figure: `${commands} commands`,
    wrong: oddCommands.map(({ command, status, words }) => `${command}: status ${status}: ${words}`),
  };
}

function judgeRepairs({ repairs, repairAtRest }: SoakRecord): Check {
  const times = repairs.flatMap(({ ms }) => (ms === undefined ? [] : [ms])).sort(ascending);
  const taken =
    times.length === 0
      ? ""
      : `, ${Math.round(quantile(times, 0.5))} ms median, ${Math.round(times.at(-1) ?? Number.NaN)} ms at most`;
  const atRest = repairAtRest?.ms === undefined ? "never" : `after ${Math.round(repairAtRest.ms)} ms`;
  return {
    name: "files that others damaged are put right",
    // Those that a desired state left out before they were repaired belong to others from then on; in a short run that
    // may be all of them.
    figure: `${times.length} of ${repairs.length} amid changes${taken}; at rest ${atRest}`,
    wrong: repairAtRest?.ms === undefined ? [`${repairAtRest?.path ?? "no file"} was not, at rest`] : [],
  };
}

const MOST_JOURNAL_PER_WISH = 8_192;

function judgeJournal({ rests, wishes, errors }: SoakRecord): Check {
  const bytes = rests.at(-1)?.journalBytes ?? 0;
  const kinds = Object.keys(errors).length;
  const perWish = bytes / wishes;
  return {
    name: "the journal is not flooded",
    figure: `${(bytes / 1024).toFixed(0)} KiB for ${wishes} desired states; ${kinds} kinds of errors`,
    wrong: perWish > MOST_JOURNAL_PER_WISH ? [`${Math.round(perWish)} bytes for each desired state`] : [],
  };
}

function describeGrowth(points: readonly RestPoint[]): string {
  const growth = growthOf(points);
  if (growth === undefined) return "";
  const [perHour, surely] = [growth.perHour, growth.surelyPerHour].map((value) => value.toFixed(1));
  return `, ${perHour} MiB an hour (surely ${surely})`;
}

function ascending(a: number, b: number): number {
  return a - b;
}
