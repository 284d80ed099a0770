import type { EvidenceReport } from "../../core/evidence/evidence-report.ts";
import type { Bundle } from "../../core/fleet/bundle.ts";
import { isRefusal, type Phase } from "../../core/fleet/phase.ts";
import type { Acceptance } from "../../core/signing/accept-sources.ts";
import type { SigningPorts } from "../../core/signing/check-signed-state.ts";
import { type ApplyRecord, EMPTY_RECORD } from "../apply-record.ts";
import { FREEZE_PATH } from "../pass-results.ts";
import { readPin } from "../pin.ts";
import { HostError, type Ports } from "../ports.ts";
import type { PassReport } from "../report.ts";
import { floorOf } from "../serial-floors.ts";
import type { StateDirectory } from "../state-directory.ts";
import { digestRegistries, listChanged } from "./changed-registries.ts";
import { type CheckedDocument, checkDocument } from "./check-document.ts";
import { chooseDocument, type FeedChoice } from "./choose-document.ts";
import { describeFeedState, digestOfFiles, runningOf } from "./describe-state.ts";
import {
  type Answer,
  type Applied,
  EMPTY_MEMORY,
  type FeedMemory,
  type Task,
  withAcked,
  withAnswer,
  withRejection,
} from "./feed-memory.ts";
import type {
  FeedAssignment,
  FeedError,
  FeedHello,
  FeedItem,
  FeedListener,
  FeedNews,
  FeedStream,
} from "./feed-messages.ts";
import type { FeedStore } from "./feed-store.ts";
import { clean } from "./judge-pass.ts";
import { isUnwell } from "./judge-soak.ts";
import { createSerialQueue } from "./serial-queue.ts";
import { type Move, settleTask } from "./settle-task.ts";
import { spreadOf } from "./spread.ts";

/** How a document would do here; nothing is touched. */
export interface Tried {
  readonly ok: boolean;
  readonly error?: FeedError;
  readonly items: readonly FeedItem[];
}

export interface FeedKeeperOptions {
  readonly ports: Pick<Ports, "files" | "clock" | "log" | "sha256">;
  readonly state: Pick<StateDirectory, "loadRecord" | "loadFloors" | "loadLastKnownGood">;
  readonly store: FeedStore;
  readonly self: Pick<FeedHello, "nodeId" | "instance" | "agentVersion" | "labels">;
  /** Who has to have signed, read anew each time; an error where the keys cannot be read. */
  readonly expected: () => Promise<Pick<Acceptance, "trust" | "node"> | FeedError>;
  readonly mayBeUnsigned: boolean;
  readonly signing: SigningPorts;
  readonly evidence: () => EvidenceReport;
  /** Asks for a pass. */
  readonly trigger: (reason: string) => void;
  readonly tryDocument: (envelope: Uint8Array, digest: string, signal: AbortSignal) => Promise<Tried>;
  /** A desired state of the node's own, which counts where the feed has chosen nothing. */
  readonly hasFile: () => Promise<boolean>;
}

/** How it stands with what the feed has assigned, for status and metrics. */
export interface FeedStanding {
  /** Of what passes bring into force; undefined: the feed has chosen nothing yet. */
  readonly selected?: Bundle & { readonly isSoaked: boolean };
  readonly assignment?: { readonly id: string; readonly phase: Phase; readonly held?: string };
  readonly lastAnswer?: Pick<Answer, "assignmentId" | "phase" | "error" | "atMs">;
  /** Since the agent started, by phase. */
  readonly answers: ReadonlyMap<Phase, number>;
}

export interface FeedKeeper {
  readonly listener: FeedListener;
  /** For each pass. */
  choose(): Promise<FeedChoice>;
  passed(report: PassReport): void;
  /** A verdict has turned. */
  turned(): void;
  standing(): FeedStanding;
  /** Looks at what is due, as the timer does. Never rejects. */
  tick(): Promise<void>;
  /** Nothing is timed any more. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly assignment: FeedAssignment;
  readonly envelope: Uint8Array;
  readonly serial: number;
  readonly receivedMs: number;
  /** Uptime, ms: the node's part of the spread is over. */
  readonly dueMs: number;
}

/** Kept on the disk at once: those that this stream has brought, and what is gone back to. */
const MOST_DOCUMENTS = 32;
const TICK_MS = 1_000;
const TRYING_SHARE = 0.8;

/**
 * The agent's side of the feed, without the wire. All it ever does to the node is to name a document that passes are to
 * bring into force, and to ask for a pass: that takes it through the same checks as a file. What arrives is handled one
 * after the other. A stream that ends takes with it what has not begun; what has begun goes on.
 */
export async function openFeedKeeper(options: FeedKeeperOptions): Promise<FeedKeeper> {
  const { ports, state, store, self, trigger } = options;
  const { clock, log, sha256, files } = ports;
  const run = createSerialQueue();
  // Trouble with the disk is for the pass to tell: it is no reason to be without an agent.
  const loaded = await store.load().catch(() => ({ memory: EMPTY_MEMORY, isDamaged: true }));
  let memory: FeedMemory = loaded.memory;
  if (loaded.isDamaged)
    log.warn({}, "what was kept of the feed is damaged: it is asked anew, and what is in force stays");
  let isUnsaved = false;
  let isLost = loaded.isDamaged;
  let record: ApplyRecord = await state.loadRecord().then(
    (found) => found.record,
    () => EMPTY_RECORD,
  );
  let latest: PassReport | undefined;
  /** Of a pass since the task began. */
  let sinceBegin: PassReport | undefined;
  let isPinned = false;
  let effectiveDigest: string | undefined;
  let waiting: Waiting | undefined;
  let trying: { readonly assignment: FeedAssignment; readonly abort: AbortController } | undefined;
  let stream: FeedStream | undefined;
  const sent = new Map<number, string>();
  /** What was last said of the assignment under way, so that it is said once. */
  let said = "";
  let saidState = "";
  let held: string | undefined;
  const counts = new Map<Phase, number>();
  /** The assignment whose one new try has not been made yet. */
  let newTry: string | undefined;
  const stopping = new AbortController();
  let timer: Promise<void> | undefined;

  const now = () => ({ bootId: clock.bootId, uptimeMs: clock.uptimeMs() });
  const describe = () =>
    describeFeedState({
      memory,
      isLost,
      record,
      report: latest,
      evidence: options.evidence(),
      isPinned,
      effectiveDigest,
    });

  function send(
    assignmentId: string,
    offeredDigest: string,
    phase: Phase | undefined,
    more: { readonly error?: FeedError; readonly items?: readonly FeedItem[]; readonly atMs?: number } = {},
  ): number | undefined {
    if (stream === undefined) return undefined;
    const { error, items = [], atMs = clock.now() } = more;
    const current = describe();
    saidState = newsKey(current);
    return stream.send({
      assignmentId,
      offeredDigest,
      phase,
      state: current,
      ...(error && { error }),
      items,
      atMs,
    });
  }

  /** A phase on the way. Not kept: it is said again, as it is then, on the next stream. */
  function say(
    { id, digest }: Pick<FeedAssignment, "id" | "digest">,
    phase: Phase,
    more: { readonly error?: FeedError; readonly items?: readonly FeedItem[] } = {},
    isNew = true,
  ): void {
    const key = `${id} ${phase} ${more.error?.code ?? ""}`;
    held = phase === "held" ? (more.error?.message ?? "") : undefined;
    if (key === said) return;
    said = key;
    if (isNew) count(phase);
    log[isNew ? "info" : "debug"](
      { assignment: id, phase, code: more.error?.code },
      more.error?.message ?? "assignment of the feed",
    );
    send(id, digest, phase, more);
  }

  function count(phase: Phase): void {
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }

  function sendAnswer(answer: Answer): void {
    const seq = send(answer.assignmentId, answer.digest, answer.phase, answer);
    if (seq !== undefined) sent.set(seq, answer.assignmentId);
  }

  /** What is decided holds in this process at once; on a full disk it is written as soon as that works. */
  async function keep(next: FeedMemory): Promise<void> {
    memory = next;
    try {
      await store.save(memory);
      isUnsaved = false;
    } catch (error) {
      if (!isUnsaved)
        log.warn({ error: String(error) }, "what the feed was answered cannot be written down yet");
      isUnsaved = true;
    }
  }

  async function answerFinally(
    { id, digest }: Pick<FeedAssignment, "id" | "digest">,
    serial: number,
    phase: Phase,
    more: { readonly error?: FeedError; readonly items?: readonly FeedItem[] } = {},
    next: FeedMemory = memory,
  ): Promise<void> {
    const { error, items = [] } = more;
    const atMs = clock.now();
    const answer: Answer = {
      assignmentId: id,
      digest,
      phase,
      ...(error && { error }),
      items,
      atMs,
      isAcked: false,
    };
    const isNo = isRefusal(phase) && phase !== "preflight-failed" && error !== undefined;
    const rejection = isNo ? { digest, serial, error, atMs, assignmentId: id } : undefined;
    const answered = withAnswer(next, answer);
    await keep(rejection === undefined ? answered : withRejection(answered, rejection));
    said = "";
    held = undefined;
    count(phase);
    const tell = isRefusal(phase) ? log.warn : log.info;
    tell({ assignment: id, phase, code: error?.code }, error?.message ?? "assignment of the feed");
    sendAnswer(answer);
  }

  async function check(envelope: Uint8Array, digest: string): Promise<CheckedDocument> {
    const expected = await options.expected();
    if ("code" in expected) return { ok: false, error: { ...expected, retriable: true } };
    ({ record } = await state.loadRecord());
    const stored = await state.loadFloors();
    return checkDocument(envelope, digest, {
      expected,
      mayBeUnsigned: options.mayBeUnsigned,
      signing: options.signing,
      standingOf(fleet, channel) {
        const floor = floorOf(stored, record, fleet, channel);
        return floor === undefined
          ? "damaged"
          : { floor, runningDigest: record.signed?.digest, nowMs: clock.now() };
      },
    });
  }

  function isThere(digest: string): boolean {
    return runningOf({ memory, isLost, record, report: latest })?.digest === digest;
  }

  async function receive(assignment: FeedAssignment): Promise<void> {
    const { id, mode, digest } = assignment;
    if (mode === "hold") {
      dropWaiting();
      say(assignment, "held");
      return;
    }
    const known = memory.answers.find(({ assignmentId }) => assignmentId === id);
    if (known !== undefined && (mode === "preflight" || isRefusal(known.phase) || isThere(digest)))
      return sendAnswer(known);
    if (memory.task?.id === id || waiting?.assignment.id === id || trying?.assignment.id === id)
      return sayAgain();
    dropWaiting();
    const envelope = assignment.envelope ?? (await store.loadDocument(digest));
    const refused = mode === "preflight" ? "preflight-failed" : "rejected";
    // No answer: what the feed believes to be here is not, and a new Hello says what is.
    if (envelope === undefined) return stream?.renew("a document was not sent that is not here any more");
    const checked = await check(envelope, digest);
    if (!checked.ok && !mayPass(checked))
      return answerFinally(assignment, 0, refused, { error: checked.error });
    if (checked.ok) await keepDocument(digest, envelope);
    const receivedMs = clock.uptimeMs();
    const spreadMs = spreadOf(self.nodeId, id, assignment.spreadMs, sha256);
    waiting = {
      assignment,
      envelope,
      serial: checked.ok ? checked.serial : 0,
      receivedMs,
      dueMs: receivedMs + spreadMs,
    };
    say(assignment, checked.ok ? "verified" : "received");
    await considerWaiting();
  }

  /** For this and later assignments: the feed sends each document once on a stream. On a full disk it does so again. */
  async function keepDocument(digest: string, envelope: Uint8Array): Promise<void> {
    try {
      if ((await store.listDocuments()).length >= MOST_DOCUMENTS) await pruneDocuments();
      await store.saveDocument(digest, envelope);
    } catch (error) {
      log.debug({ error: String(error) }, "a document of the feed is not kept");
    }
  }

  function pruneDocuments(): Promise<void> {
    const { selected, good, task } = memory;
    const kept = [selected, good, task, task?.before].map((one) => one?.digest ?? "");
    return store.prune(new Set(kept));
  }

  function dropWaiting(): void {
    waiting = undefined;
    trying?.abort.abort(new Error("the feed says something else now"));
    trying = undefined;
  }

  /** Whether what has arrived may begin now. */
  async function considerWaiting(): Promise<void> {
    const one = waiting;
    if (one === undefined) return;
    const { assignment, envelope, dueMs } = one;
    if (assignment.mode !== "preflight") {
      const pin = await readPin(files);
      if (pin !== undefined)
        return say(assignment, "held", { error: { code: "pinned", message: pin.message } });
      if ((await files.read(FREEZE_PATH)) !== undefined) {
        const message = `nothing is changed on this node while ${FREEZE_PATH} exists`;
        return say(assignment, "held", { error: { code: "frozen", message } });
      }
    }
    if (clock.uptimeMs() < dueMs) return;
    // Time has passed: keys, floor and clock may be others.
    const checked = await check(envelope, assignment.digest);
    if (!checked.ok && mayPass(checked)) return say(assignment, "held", { error: checked.error });
    waiting = undefined;
    if (!checked.ok) {
      const refused = assignment.mode === "preflight" ? "preflight-failed" : "rejected";
      return answerFinally(assignment, one.serial, refused, { error: checked.error });
    }
    const ready = { ...one, serial: checked.serial };
    if (assignment.mode === "preflight") return startTrying(ready);
    await begin(ready).catch((error: unknown) => notBegun(ready, error));
  }

  /** From here on it goes on without the feed, over restarts too. */
  async function begin({ assignment, envelope, serial }: Waiting): Promise<void> {
    const { envelope: _sent, spreadMs: _over, mode: _any, ...rest } = assignment;
    const { digest } = assignment;
    const before = memory.good?.digest === digest ? undefined : memory.good;
    const registries = await state.loadLastKnownGood();
    const task: Task = {
      ...rest,
      serial,
      began: now(),
      ...(before && { before }),
      isTried: false,
      registriesBefore: digestRegistries(registries, sha256),
    };
    const isSoaked = memory.selected?.digest === digest && memory.selected.isSoaked;
    const next: FeedMemory = { ...memory, selected: { digest, serial, isSoaked }, task };
    await store.saveDocument(digest, envelope);
    await store.save(next);
    memory = next;
    isLost = false;
    sinceBegin = undefined;
    trigger("the feed has assigned a document");
  }

  function notBegun(one: Waiting, error: unknown): Promise<void> | void {
    const { assignment, receivedMs, serial } = one;
    const told: FeedError = {
      code: error instanceof HostError ? error.code : "state",
      message: clean(`it cannot be written down, so it is not begun: ${(error as Error).message}`),
      retriable: true,
    };
    if (clock.uptimeMs() - receivedMs > assignment.reportByMs * TRYING_SHARE)
      return answerFinally(assignment, serial, "failed", { error: told });
    waiting = one;
    return say(assignment, "held", { error: told });
  }

  function startTrying({ assignment, envelope, serial }: Waiting): void {
    const abort = new AbortController();
    const mine = { assignment, abort };
    trying = mine;
    const signal = AbortSignal.any([abort.signal, stopping.signal]);
    const conclude = (tried: Tried): Promise<void> =>
      run(async () => {
        if (trying !== mine) return;
        trying = undefined;
        await answerFinally(assignment, serial, tried.ok ? "preflight-ok" : "preflight-failed", tried);
      });
    options
      .tryDocument(envelope, assignment.digest, signal)
      .catch(
        (error: Error): Tried => ({
          ok: false,
          error: { code: "preflight-error", message: clean(error.message), retriable: true },
          items: [],
        }),
      )
      .then(conclude)
      .catch((error: Error) => log.error({ error: error.message }, "a preflight has no end"));
  }

  async function considerTask(): Promise<void> {
    // Each move is one step; a few follow each other at once.
    for (let step = 0; step < 4; step++) {
      const { task } = memory;
      if (task === undefined) return;
      const move = settleTask(task, { report: sinceBegin, evidence: options.evidence(), now: now() });
      if (move.kind === "wait") return;
      await makeMove(task, move);
      if (move.kind === "held") return;
    }
  }

  async function makeMove(task: Task, move: Exclude<Move, { kind: "wait" }>): Promise<void> {
    switch (move.kind) {
      case "held":
        return say(task, "held", { error: move.error });
      case "applied": {
        const applied = await noteApplied(task);
        await keep({ ...memory, task: { ...task, applied } });
        return say(task, "applied", { items: itemsOf(applied) });
      }
      case "note":
        await keep({ ...memory, task: { ...task, applied: move.applied } });
        if (move.isObserved) say(task, "observed", { items: itemsOf(move.applied) });
        return;
      case "take-back":
        return takeBack(task, move.phase, move.error);
      case "finish":
        return finish(task, move.phase, move.error);
      default:
        return move satisfies never;
    }
  }

  async function noteApplied({ registriesBefore }: Task): Promise<Applied> {
    const after = digestRegistries(await state.loadLastKnownGood(), sha256);
    const changed = listChanged(registriesBefore, after);
    const unwell = options.evidence().registries.filter(isUnwell);
    const unwellBefore = unwell.map(({ namespace }) => namespace).filter((one) => changed.includes(one));
    return { ...now(), atMs: clock.now(), changed, unwellBefore, observed: {}, isToldObserved: false };
  }

  /** Names what was there before; the answer follows when a pass has gone back to it. */
  async function takeBack(task: Task, phase: "failed" | "reverted", error: FeedError): Promise<void> {
    const { before } = task;
    if (!(await canGoBack(before))) {
      const message = clean(`${error.message}; there is nothing to go back to, so it stays`);
      return answerFinally(
        task,
        task.serial,
        "failed",
        { error: { ...error, message }, items: itemsOf(task.applied, error) },
        withoutTask(memory),
      );
    }
    const { selected: _gone, ...rest } = memory;
    await keep({
      ...rest,
      ...(before && { selected: { ...before, isSoaked: true } }),
      task: { ...task, ending: { phase, error } },
    });
    sinceBegin = undefined;
    trigger("what the feed has assigned is taken back");
  }

  async function canGoBack(before: Bundle | undefined): Promise<boolean> {
    if (before === undefined) return options.hasFile();
    const envelope = await store.loadDocument(before.digest);
    return envelope !== undefined && (await check(envelope, before.digest)).ok;
  }

  async function finish(
    task: Task,
    phase: "soaked" | "rejected" | "failed" | "reverted",
    error: FeedError | undefined,
  ): Promise<void> {
    const { digest, serial, before, applied } = task;
    const { selected, ...rest } = withoutTask(memory);
    const isSoaked = phase === "soaked";
    const next: FeedMemory = isSoaked
      ? { ...rest, selected: { digest, serial, isSoaked }, good: { digest, serial } }
      : { ...rest, ...backTo(before, selected, digest) };
    await answerFinally(
      task,
      serial,
      phase,
      { ...(error && { error }), items: itemsOf(applied, error) },
      next,
    );
    trigger(isSoaked ? "what the feed has assigned has soaked" : "what the feed has assigned is given up");
  }

  async function considerAll(): Promise<void> {
    if (isUnsaved) await keep(memory);
    await considerWaiting();
    await considerTask();
    sendNews(undefined);
    schedule();
  }

  /** News of the node itself, where something is another than was said last. */
  function sendNews(phase: Phase | undefined): void {
    if (stream === undefined || (phase === undefined && newsKey(describe()) === saidState)) return;
    send("", "", phase);
  }

  /** At rest there is no timer. */
  function schedule(): void {
    const isDue = waiting !== undefined || memory.task !== undefined || isUnsaved;
    if (!isDue || timer !== undefined || stopping.signal.aborted) return;
    timer = clock.sleep(TICK_MS, stopping.signal).then(
      () => {
        timer = undefined;
        return tick();
      },
      () => undefined,
    );
  }

  async function tick(): Promise<void> {
    await run(considerAll).catch((error: Error) => log.error({ error: error.message }, "feed: not handled"));
  }

  function sayAgain(): void {
    const again = said;
    said = "";
    const { task } = memory;
    if (task?.applied !== undefined)
      say(
        task,
        task.applied.isToldObserved ? "observed" : "applied",
        { items: itemsOf(task.applied) },
        false,
      );
    else if (task !== undefined && waiting === undefined) say(task, "verified", {}, false);
    else said = again;
  }

  async function took(report: PassReport): Promise<void> {
    ({ record } = await state.loadRecord());
    latest = report;
    effectiveDigest = report.inSync ? digestOfFiles(record, sha256) : undefined;
    sinceBegin = report;
    if (report.asked?.digest === memory.task?.digest) newTry = undefined;
    const wasPinned = isPinned;
    isPinned = report.conditions.some(({ type }) => type === "Pinned");
    await considerAll();
    if (report.drift.length > 0 || report.conditions.some(({ type }) => type === "Contested"))
      sendNews("drifted");
    else if (isPinned && !wasPinned) sendNews("held");
  }

  /** Jobs of the listener: nobody waits for them. */
  function post(job: () => Promise<void>): void {
    run(job)
      .catch((error: Error) =>
        log.error({ error: error.message }, "a message of the feed could not be handled"),
      )
      .finally(schedule);
  }

  async function handle(news: FeedNews): Promise<void> {
    if (news.kind === "assignment") return receive(news.assignment);
    if (news.kind === "need-state") return void send("", "", undefined);
    const acked = [...sent].filter(([seq]) => seq <= news.throughSeq);
    for (const [seq] of acked) sent.delete(seq);
    if (acked.length > 0) await keep(withAcked(memory, new Set(acked.map(([, id]) => id))));
  }

  schedule();
  return {
    listener: {
      hello: () =>
        run(async () => {
          await pruneDocuments().catch((error: Error) => log.debug({ error: error.message }, "not pruned"));
          return {
            ...self,
            bootId: clock.bootId,
            containerdVersion: latest?.containerdVersion ?? record.containerdVersion ?? "",
            state: describe(),
            cached: await store.listDocuments().catch(() => []),
          };
        }),
      opened: (opened) =>
        post(async () => {
          stream = opened;
          sent.clear();
          saidState = newsKey(describe());
          for (const answer of memory.answers) if (!answer.isAcked) sendAnswer(answer);
          sayAgain();
        }),
      received: (news) => post(() => handle(news)),
      closed: () =>
        post(async () => {
          stream = undefined;
          sent.clear();
          dropWaiting();
        }),
    },
    choose: () =>
      run(async () => {
        const choice = await chooseDocument(memory, isLost, store);
        isLost = choice.kind === "none" && !choice.isFresh;
        const { task } = memory;
        if (choice.kind !== "document" || task === undefined) return choice;
        // A pass may read several times before it begins. After a crash in it, it is not a new try any more.
        if (choice.isNewTry) {
          newTry = task.id;
          await keep({ ...memory, task: { ...task, isTried: true } });
        }
        return { ...choice, isNewTry: newTry === task.id };
      }),
    passed: (report) => post(() => took(report)),
    turned: () => post(considerAll),
    standing() {
      const { selected, task, answers } = memory;
      const last = answers.at(-1);
      const current = waiting?.assignment ?? trying?.assignment ?? task;
      const phase: Phase =
        held !== undefined ? "held" : current === task && task?.applied ? "applied" : "verified";
      return {
        ...(selected && { selected }),
        ...(current && { assignment: { id: current.id, phase, ...(held === undefined ? {} : { held }) } }),
        ...(last && { lastAnswer: last }),
        answers: counts,
      };
    },
    tick,
    async stop() {
      stopping.abort(new Error("stopping"));
      await run(async () => dropWaiting());
    },
  };
}

/** It is not the document that is wrong: the same may be good later. */
function mayPass({ error, notBeforeMs }: Extract<CheckedDocument, { ok: false }>): boolean {
  return notBeforeMs !== undefined || error.retriable === true;
}

function withoutTask({ task: _over, ...rest }: FeedMemory): FeedMemory {
  return rest;
}

/** What was selected since then stays. */
function backTo(
  before: Bundle | undefined,
  selected: FeedMemory["selected"],
  digest: string,
): Pick<FeedMemory, "selected"> {
  if (selected !== undefined && selected.digest !== digest) return { selected };
  return before === undefined ? {} : { selected: { ...before, isSoaked: true } };
}

const MOST_ITEMS = 256;

function itemsOf(applied: Applied | undefined, error?: FeedError): readonly FeedItem[] {
  return (applied?.changed ?? []).slice(0, MOST_ITEMS).map((namespace) => {
    const evidence = applied?.observed[namespace];
    if (error?.item === namespace) return { namespace, phase: "reverted", error };
    return evidence === undefined
      ? { namespace, phase: "applied" }
      : { namespace, phase: "observed", evidence };
  });
}

/** What is worth a message of its own when it changes: not that there was another pull. */
function newsKey({ running, source, registries, conditions }: ReturnType<typeof describeFeedState>): string {
  return JSON.stringify([
    running?.digest,
    source,
    registries.map(({ namespace, verdict }) => [namespace, verdict]).sort(),
    conditions.map(({ type }) => type),
  ]);
}
