import type { PassReport } from "../report.ts";
import type { FeedChoice } from "./choose-document.ts";
import { chooseForPass } from "./choose-for-pass.ts";
import { considerTask } from "./consider-task.ts";
import { considerWaiting } from "./consider-waiting.ts";
import { describeFeedState } from "./describe-state.ts";
import { withAcked } from "./feed-memory.ts";
import type { FeedHello, FeedListener, FeedNews, FeedState, FeedStream } from "./feed-messages.ts";
import { type FeedStanding, standingOf } from "./feed-standing.ts";
import { holdMemory } from "./hold-memory.ts";
import { pruneDocuments } from "./keep-document.ts";
import { dropArrived, type FeedKeeperOptions, type KeeperContext } from "./keeper-context.ts";
import { notePass, openNodeView } from "./node-view.ts";
import { receiveAssignment, sayAgain } from "./receive-assignment.ts";
import { createSerialQueue } from "./serial-queue.ts";
import { createSpeaker } from "./speaker.ts";

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

const TICK_MS = 1_000;

/**
 * The agent's side of the feed, without the wire. All it ever does to the node is to name a document that passes are to
 * bring into force, and to ask for a pass: that takes it through the same checks as a file. What arrives is handled one
 * after the other. A stream that ends takes with it what has not begun; what has begun goes on.
 */
export async function openFeedKeeper(options: FeedKeeperOptions): Promise<FeedKeeper> {
  const stopping = new AbortController();
  const context = await openContext(options, stopping.signal);
  const { run, ports } = context;
  const { clock, log } = ports;
  let timer: Promise<void> | undefined;

  /** At rest there is no timer. */
  function schedule(): void {
    if (!isDue(context) || timer !== undefined || stopping.signal.aborted) return;
    timer = clock.sleep(TICK_MS, stopping.signal).then(
      () => {
        timer = undefined;
        return tick();
      },
      () => undefined,
    );
  }

  /** Whatever fails now is tried again: what is due does not wait for the next pass. */
  async function considerAll(): Promise<void> {
    try {
      await considerDue(context);
    } finally {
      schedule();
    }
  }

  async function tick(): Promise<void> {
    await run(considerAll).catch((error: Error) => log.error({ error: error.message }, "feed: not handled"));
  }

  async function took(report: PassReport): Promise<void> {
    const wasPinned = context.node.isPinned;
    await takePass(context, report);
    await considerAll();
    sayDrift(context, report, wasPinned);
  }

  /** Jobs of the listener: nobody waits for them. */
  function post(job: () => Promise<void>): void {
    run(job)
      .catch((error: Error) =>
        log.error({ error: error.message }, "a message of the feed could not be handled"),
      )
      .finally(schedule);
  }

  schedule();
  return {
    listener: {
      hello: () => run(() => greet(context)),
      opened: (stream) => post(async () => openStream(context, stream)),
      received: (news) => post(() => handleNews(context, news)),
      closed: () =>
        post(async () => {
          context.speaker.closed();
          dropArrived(context);
        }),
    },
    choose: () => run(() => chooseForPass(context)),
    passed: (report) => post(() => took(report)),
    turned: () => post(considerAll),
    standing: () => standingOf(context),
    tick,
    async stop() {
      stopping.abort(new Error("stopping"));
      await run(async () => dropArrived(context));
    },
  };
}

async function openContext(options: FeedKeeperOptions, stopping: AbortSignal): Promise<KeeperContext> {
  const { ports, state, store } = options;
  const memory = await holdMemory(store, ports.log);
  const node = await openNodeView(state);
  const speaker = createSpeaker(() => describe(context), ports);
  const arrived = { waiting: undefined, trying: undefined };
  const context = { ...options, memory, node, speaker, arrived, run: createSerialQueue(), stopping };
  return context;
}

function describe({ memory, node, evidence }: KeeperContext): FeedState {
  const { record, latest, isPinned, effectiveDigest, containerdVersion } = node;
  return describeFeedState({
    memory: memory.current,
    isLost: memory.isLost,
    record,
    report: latest,
    evidence: evidence(),
    isPinned,
    effectiveDigest,
    containerdVersion,
  });
}

function isDue({ arrived, memory }: KeeperContext): boolean {
  return arrived.waiting !== undefined || memory.current.task !== undefined || memory.isUnsaved;
}

async function considerDue(context: KeeperContext): Promise<void> {
  const { memory, speaker } = context;
  if (memory.isUnsaved) await memory.keep(memory.current);
  await considerWaiting(context);
  await considerTask(context);
  speaker.sendNews();
}

async function takePass({ memory, node, state, ports }: KeeperContext, report: PassReport): Promise<void> {
  const { record } = await state.loadRecord();
  notePass(node, report, record, ports.sha256);
  if (report.asked?.digest === memory.current.task?.digest) node.newTry = undefined;
}

/** What is worth a word though nobody has asked, and though it may be mended by now. */
function sayDrift({ speaker, node }: KeeperContext, report: PassReport, wasPinned: boolean): void {
  if (report.drift.length > 0 || report.conditions.some(({ type }) => type === "Contested"))
    speaker.sendNews("drifted");
  else if (node.isPinned && !wasPinned) speaker.sendNews("held");
}

async function greet(context: KeeperContext): Promise<FeedHello> {
  const { self, store, ports } = context;
  await pruneDocuments(context).catch((error: Error) =>
    ports.log.debug({ error: error.message }, "not pruned"),
  );
  return {
    ...self,
    bootId: ports.clock.bootId,
    state: describe(context),
    cached: await store.listDocuments().catch(() => []),
  };
}

function openStream(context: KeeperContext, stream: FeedStream): void {
  const { speaker, memory } = context;
  speaker.opened(stream);
  for (const answer of memory.current.answers) if (!answer.isAcked) speaker.sendAnswer(answer);
  sayAgain(context);
}

async function handleNews(context: KeeperContext, news: FeedNews): Promise<void> {
  const { speaker, memory } = context;
  switch (news.kind) {
    case "assignment":
      return receiveAssignment(context, news.assignment);
    case "need-state":
      return speaker.sendState();
    case "ack": {
      const acked = speaker.takeAcked(news.throughSeq);
      if (acked.size > 0) await memory.keep(withAcked(memory.current, acked));
      return;
    }
    default:
      return news satisfies never;
  }
}
