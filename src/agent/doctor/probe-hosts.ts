import type { Architecture } from "../../core/containerd/pull/choose-platform.ts";
import type { ResolvedHost } from "../../core/containerd/resolved-host.ts";
import type { Finding, NotChecked } from "../../core/doctor/finding.ts";
import type { NodeView } from "../../core/doctor/node-view.ts";
import { chooseProbes, type ProbeTurn } from "../../core/doctor/pulls/probe/choose-probes.ts";
import { type HostTrouble, mergeTroubles } from "../../core/doctor/pulls/probe/host-trouble.ts";
import { judgeApi } from "../../core/doctor/pulls/probe/judge-api.ts";
import { judgeHops } from "../../core/doctor/pulls/probe/judge-hops.ts";
import { judgeWalk, type WalkTrouble } from "../../core/doctor/pulls/probe/judge-walk.ts";
import { judgeVariant, listVariants } from "../../core/doctor/pulls/probe/probe-variant.ts";
import type { Exchange, Hop } from "../../core/evidence/exchange.ts";
import type { ProbeAnswer } from "../../core/evidence/probe-answer.ts";
import { sumUpWalk } from "../../core/evidence/sum-up-walk.ts";
import type { AccessSources, MirrorAsker, PullWalker } from "../evidence/probe-ports.ts";
import { resolveObserved } from "../observe-resolution.ts";
import type { Files } from "../ports.ts";

export interface ProbeHostsDeps {
  readonly files: Files;
  readonly walker: PullWalker;
  readonly asker: MirrorAsker;
  /** Of this machine. */
  readonly architecture: Architecture;
}

export interface ProbedHosts {
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

/** Bounds of all questions together: a doctor is waited for. */
const MOST = 20;
const AT_ONCE = 4;
const ONE_MS = 15_000;
const ALL_MS = 60_000;

/**
 * Asks the hosts of every registry that has a mirror in force, as a pull would: an image where one is known (`images`,
 * the best first), else the API alone. Keeps nothing, changes nothing, and never throws for what hosts do.
 */
export async function probeHosts(
  view: NodeView,
  images: readonly string[],
  deps: ProbeHostsDeps,
): Promise<ProbedHosts> {
  const { turns, leftOut } = chooseProbes(view, images, MOST);
  const all = AbortSignal.timeout(ALL_MS);
  const probe = createProbe(view, deps);
  const queue = [...turns];
  const results: TurnResult[] = [];
  const worker = async (): Promise<void> => {
    for (let turn = queue.shift(); turn !== undefined; turn = queue.shift())
      results.push(
        all.aborted ? unasked(turn) : await probe(turn, AbortSignal.any([all, AbortSignal.timeout(ONE_MS)])),
      );
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return {
    findings: [
      ...mergeTroubles(results.flatMap(({ troubles }) => troubles)),
      ...judgeHops(
        results.flatMap(({ hops }) => hops),
        view.nowMs,
      ),
    ],
    notChecked: [...results.flatMap(({ notChecked }) => notChecked), ...tellLeftOut(leftOut)],
  };
}

interface TurnResult {
  readonly troubles: readonly HostTrouble[];
  readonly hops: readonly Hop[];
  readonly notChecked: readonly NotChecked[];
}

function unasked({ namespace }: ProbeTurn): TurnResult {
  const why = `the ${ALL_MS / 1000} s for all hosts were over`;
  return { troubles: [], hops: [], notChecked: [{ what: `the hosts of ${namespace}`, why }] };
}

function tellLeftOut(names: readonly string[]): readonly NotChecked[] {
  if (names.length === 0) return [];
  const [first = "", ...more] = names;
  const what = more.length === 0 ? first : `${first} and ${more.length} more registries`;
  return [
    {
      what: `the hosts of ${what}`,
      why: `at most ${MOST} registries are asked; mirrorlet explain asks for one image`,
    },
  ];
}

function createProbe(view: NodeView, { files, walker, asker, architecture }: ProbeHostsDeps) {
  const { traits, config, tree, version } = view;

  async function walk({ image, ...turn }: ProbeTurn, signal: AbortSignal): Promise<TurnResult> {
    if (image === undefined) return askApis(turn, signal);
    const { resolution, readFile } = await resolveObserved(
      { version, config, tree, parts: [] },
      image,
      files,
    );
    const { hosts } = resolution;
    const access: AccessSources = { config, readFile };
    const plan = { reference: image, hosts, traits, architecture };
    const walked = await walker.walk({ plan, access }, signal);
    const summary = sumUpWalk(walked, { hosts, traits, pullMode: config.pullMode });
    const { troubles, notChecked } = judgeWalk({ ...turn, image }, hosts, summary);
    const sharper = await Promise.all(
      troubles.map((trouble) => sharpen(trouble, { image, host: hosts[trouble.index], access }, signal)),
    );
    // What stands beyond the mirrors is in the hands of others.
    const ofMirrors = walked.visits.filter(({ request }) => hosts[request.host]?.role === "mirror");
    const hops = ofMirrors.flatMap(({ reply }) => (reply === undefined ? [] : hopsOf(reply.exchange)));
    return { troubles: sharper, hops, notChecked };
  }

  /** Asks in another way where that may show the cause. */
  async function sharpen(
    trouble: WalkTrouble,
    { image, host, access }: Walked,
    signal: AbortSignal,
  ): Promise<HostTrouble> {
    if (host === undefined) return trouble;
    for (const variant of listVariants(trouble.answer, host, image)) {
      const wanted = { reference: variant.image, isExpected: true };
      const answer = await asker.ask({ entry: variant.entry, access, traits, image: wanted }, signal);
      const cause = judgeVariant(variant, answer, host);
      if (cause !== undefined) return { ...trouble, ...cause, severity: "error" };
    }
    return trouble;
  }

  async function askApis(turn: ProbeTurn, signal: AbortSignal): Promise<TurnResult> {
    const mirrors = turn.hosts.filter(({ role }) => role === "mirror");
    const access: AccessSources = { config, readFile: tree.readFile };
    const answers = new Map<ResolvedHost, ProbeAnswer>();
    for (const host of mirrors)
      answers.set(host, await asker.ask({ entry: host.entry, access, traits }, signal));
    const hops = [...answers.values()].flatMap(({ exchange }) => hopsOf(exchange));
    return { troubles: judgeApi(turn, answers), hops, notChecked: [] };
  }

  return walk;
}

interface Walked {
  readonly image: NonNullable<ProbeTurn["image"]>;
  readonly host: ResolvedHost | undefined;
  readonly access: AccessSources;
}

function hopsOf({ hops, tokens }: Exchange): readonly Hop[] {
  return [...hops, ...tokens];
}
