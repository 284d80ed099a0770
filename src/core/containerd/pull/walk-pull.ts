import { type ImageReference, isDigest } from "../image-reference.ts";
import { type Asked, buildRequest, isOutOfReach, resolversOf, WITNESS_REPLY } from "./build-request.ts";
import { choosePlatform, readConfig, readJson } from "./choose-platform.ts";
import { judgeFetch, judgeGet, judgeHead, type Resolved } from "./judge-answer.ts";
import type { Judgement } from "./judgement.ts";
import { manifestKind } from "./media-types.ts";
import type { Descriptor, PullReply, PullRequest, PullStage } from "./pull-request.ts";
import type { PullOutcome, PullPlan, PullWalk, Visit } from "./pull-walk.ts";

type Steps<T> = Generator<PullRequest, T, PullReply>;
type Ending = Exclude<PullOutcome, { readonly kind: "served" }>;

/**
 * Goes the way of a pull: yields the requests that containerd would make, takes what became of each, and ends where
 * the pull ends, after one manifest and one small blob. Then, with `isReached` false, the hosts that were not come
 * to: mirrors, and upstreams if nobody served. Rules and measurements: https://github.com/containerd/containerd,
 * core/remotes/docker/{resolver,fetcher}.go.
 */
export function* walkPull(plan: PullPlan): Steps<PullWalk> {
  const walk = new Walk(plan);
  const outcome = yield* walk.pull();
  yield* walk.lookBehind(outcome);
  return { visits: walk.visits, outcome };
}

class Walk {
  readonly visits: Visit[] = [];
  readonly #plan: PullPlan;
  /** Hosts that cannot be reached at all: asked again by containerd for every object, not by us. */
  readonly #dead = new Map<number, PullReply>();
  #by: Partial<Record<PullStage, number>> = {};

  constructor(plan: PullPlan) {
    this.#plan = plan;
  }

  *pull(): Steps<PullOutcome> {
    const resolved = yield* this.#resolve();
    if ("kind" in resolved) return resolved;
    const manifest = yield* this.#fetch("manifest", resolved, true);
    if ("kind" in manifest) return manifest;
    let document = readJson(manifest.body);
    if (manifestKind(resolved.mediaType) === "index") {
      const chosen = choosePlatform(document, this.#plan.architecture);
      if (chosen === undefined)
        return this.#reject(document === undefined ? "not-a-manifest" : "no-platform");
      const platform = yield* this.#fetch("platform", chosen, true);
      if ("kind" in platform) return platform;
      document = readJson(platform.body);
    }
    const config = readConfig(document);
    if (config === undefined || !isDigest(config.digest)) return this.#reject("not-a-manifest");
    const blob = yield* this.#fetch("config", config, false);
    return "kind" in blob ? blob : { kind: "served", by: this.#by };
  }

  /** HEAD at the hosts that were not come to. Upstreams only when it matters: what they answer may count. */
  *lookBehind(outcome: PullOutcome): Steps<void> {
    if (outcome.kind === "unknown") return;
    for (const [index, { role }] of this.#plan.hosts.entries()) {
      if (this.visits.some(({ request }) => request.host === index)) continue;
      if (role === "witness" || (role === "upstream" && outcome.kind === "served")) continue;
      yield* this.#visitHead(index, "manifests", false);
    }
  }

  *#resolve(): Steps<Descriptor | Ending> {
    const { target } = this.#plan.reference;
    let isRefused = false;
    for (const index of resolversOf(this.#plan)) {
      const resolved = yield* this.#visitHead(index, "manifests", true);
      const done = this.#settle("resolve", index, resolved);
      if (done !== undefined) return done;
      isRefused ||= this.#refuses();
    }
    const { asksBlobsForDigest } = this.#plan.traits;
    if (target.kind === "digest" && (asksBlobsForDigest === "always" || !isRefused))
      for (const index of resolversOf(this.#plan)) {
        const resolved = yield* this.#visitHead(index, "blobs", true);
        // A blob of that name becomes an image without a usable type, which stays in the store.
        if (resolved.move === "serves" || resolved.code === "wrong-type")
          return this.#reject("blob-for-manifest");
        const done = this.#settle("resolve", index, resolved);
        if (done !== undefined) return done;
      }
    return { kind: "failed", stage: "resolve" };
  }

  /** A status other than 404 is a refusal, for the releases that tell apart. */
  #refuses(): boolean {
    const reply = this.visits.at(-1)?.reply;
    return reply?.kind === "answer" && reply.status > 299 && reply.status !== 404;
  }

  *#visitHead(index: number, kind: "manifests" | "blobs", isReached: boolean): Steps<Resolved> {
    const { reference, traits } = this.#plan;
    const { target } = reference;
    const digest = target.kind === "digest" ? target.digest : undefined;
    const common = {
      host: index,
      stage: "resolve",
      kind,
      object: digest ?? tagOf(reference),
      isReached,
    } as const;
    const head = yield* this.#ask({ ...common, method: "HEAD" }, (reply) => judgeHead(reply, digest, traits));
    if (head.move !== "asks" || !isReached) return head;
    return yield* this.#ask({ ...common, method: "GET" }, (reply) => judgeGet(reply, digest, traits));
  }

  *#fetch(stage: PullStage, wanted: Descriptor, isManifest: boolean): Steps<{ body: Uint8Array } | Ending> {
    const kind = isManifest ? "manifests" : "blobs";
    for (const index of this.#plan.hosts.keys()) {
      const asked = {
        host: index,
        stage,
        kind,
        object: wanted.digest,
        method: "GET",
        isReached: true,
      } as const;
      const judgement = yield* this.#ask({ ...asked, mediaType: wanted.mediaType }, (reply) =>
        this.#judgeFetch(reply, wanted, stage, index),
      );
      const done = this.#end(judgement);
      if (done !== undefined) return done;
      if (judgement.move !== "serves") continue;
      this.#by = { ...this.#by, [stage]: index };
      const reply = this.visits.at(-1)?.reply;
      return { body: (reply?.kind === "answer" && reply.body?.bytes) || new Uint8Array() };
    }
    return { kind: "failed", stage };
  }

  #judgeFetch(reply: PullReply, wanted: Descriptor, stage: PullStage, index: number): Judgement {
    const judgement = judgeFetch(reply, wanted, this.#plan.traits);
    const isOwnDigest = stage === "manifest" && this.#by.resolve === index;
    return isOwnDigest && judgement.code === "not-found"
      ? { ...judgement, code: "digest-unknown" }
      : judgement;
  }

  *#ask<T extends Judgement>(asked: Asked, judge: (reply: PullReply) => T): Steps<T> {
    const request = buildRequest(asked, this.#plan);
    const host = this.#plan.hosts[asked.host];
    const known = host?.role === "witness" ? WITNESS_REPLY : this.#dead.get(asked.host);
    const reply = known ?? (yield request);
    if (isOutOfReach(reply, request)) this.#dead.set(asked.host, reply);
    const judgement = judge(reply);
    const shown = host?.role === "witness" ? { move: judgement.move, code: "witness" as const } : judgement;
    this.visits.push({ request, ...(known === undefined ? { reply } : {}), judgement: shown });
    return judgement;
  }

  #settle(stage: PullStage, index: number, resolved: Resolved): Descriptor | Ending | undefined {
    if (resolved.descriptor === undefined) return this.#end(resolved);
    this.#by = { ...this.#by, [stage]: index };
    return resolved.descriptor;
  }

  #end({ move }: Judgement): Ending | undefined {
    const at = this.visits.at(-1);
    if (at === undefined || (move !== "stops" && move !== "hangs" && move !== "unknown")) return undefined;
    return { kind: move === "stops" ? "stopped" : move, at };
  }

  /** What the latest host serves makes the pull fail. */
  #reject(code: Judgement["code"]): Ending {
    const last = this.visits.pop();
    if (last === undefined) return { kind: "failed", stage: "resolve" };
    const at: Visit = { ...last, judgement: { move: "stops", code } };
    this.visits.push(at);
    return { kind: "stopped", at };
  }
}

function tagOf({ target }: ImageReference): string {
  return target.kind === "tag" ? target.tag : target.digest;
}
