import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { AgentMessage__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import { type AgentWord, decodeAgentMessage, type NodeHello } from "./decode-agent-message.ts";
import type { GoAwayWords } from "./encode-server-message.ts";
import { checkHello, type FeedContext, TOO_OFTEN, welcomeTo } from "./feed-context.ts";
import type { RefusedReason } from "./feed-events.ts";
import { identifyPeer } from "./identify-peer.ts";
import type { EndReason, Session } from "./node-entry.ts";
import { createOutbox } from "./outbox.ts";
import { createThrottle } from "./throttle.ts";

export type SyncCall = ServerDuplexStream<AgentMessage__Output, Buffer>;

/** A node that says more than this is read more slowly. */
const MOST_WORDS = { burst: 60, perSecond: 5 } as const;

/** So long a node has to close its connection after it was sent away. */
const FAREWELL_MS = 10_000;

/** One stream of one node, from its beginning to its end. */
export function serveSync(context: FeedContext, call: SyncCall): void {
  const { desk, times, nowMs, loopMs, onEvent } = context;
  const peerName = call.getPeer();
  let session: Session | undefined;
  let isEnded = false;
  let helloTimer: NodeJS.Timeout | undefined;
  const refuse = (why: RefusedReason, code: status, message: string): void => {
    if (isEnded) return;
    finish();
    onEvent({ kind: "stream-refused", why, peer: peerName, message });
    call.emit("error", { code, details: ascii(message) });
  };
  const finish = (): void => {
    isEnded = true;
    clearTimeout(helloTimer);
    if (session !== undefined) desk.leave(session, nowMs());
  };
  const left = (): void => {
    if (isEnded) return;
    if (session !== undefined) onEvent({ kind: "stream-ended", node: session.node, why: "by-node" });
    finish();
    call.end();
  };
  call.on("cancelled", left);
  call.on("end", left);
  call.on("close", left);

  const peer = identifyPeer(call, context.trustDomain, context.denied(), nowMs());
  if (!peer.ok) {
    refuse(peer.code === status.PERMISSION_DENIED ? "denied" : "certificate", peer.code, peer.message);
    return;
  }
  const turnedAway = context.isDraining()
    ? "draining"
    : desk.count() >= context.maxStreams
      ? "full"
      : undefined;
  if (turnedAway !== undefined) {
    finish();
    onEvent({ kind: "stream-refused", why: turnedAway, peer: peerName, message: TURNED_AWAY[turnedAway] });
    call.write(context.messages.goAway(goAwayFor(turnedAway, context)));
    call.end();
    cutLater(context, call, peerName);
    return;
  }
  helloTimer = setTimeout(
    () => refuse("hello", status.DEADLINE_EXCEEDED, "no Hello has come in time"),
    times.helloMs,
  );
  const throttle = createThrottle(MOST_WORDS.burst, MOST_WORDS.perSecond);
  const rest = createRest(call);
  call.on("data", (message: AgentMessage__Output) => {
    if (isEnded) return;
    const waitMs = throttle.take(loopMs());
    if (waitMs > 0) {
      rest.forMs(waitMs);
      onEvent({ kind: "throttled", node: peer.id });
    }
    hear(decodeAgentMessage(message));
  });
  const hear = (word: AgentWord): void => {
    if (session === undefined) {
      if (word.kind === "hello") greet(word.hello);
      else refuse("hello", status.INVALID_ARGUMENT, "the first message must be Hello");
      return;
    }
    session.heardMs = loopMs();
    if (word.kind === "hello") {
      finish();
      onEvent({ kind: "stream-ended", node: session.node, why: "bad-message" });
      call.emit("error", { code: status.INVALID_ARGUMENT, details: "Hello comes once" });
    } else if (word.kind === "unknown") onEvent({ kind: "unknown-message", node: session.node });
    else if (word.kind === "report") {
      const { seq, report } = word;
      onEvent({ kind: "report", node: session.node, phase: report.phase });
      // Perhaps for signatures that its envelope has by now: next time it is sent again.
      if (report.phase === "rejected" || report.phase === "preflight-failed") session.known.clear();
      if (!desk.report(session, { seq, report, atMs: nowMs() })) rest.untilRoom();
    }
  };
  const greet = (hello: NodeHello): void => {
    const wrong = checkHello(hello, peer.id);
    if (wrong !== undefined) {
      refuse("hello", hello.node === peer.id ? status.INVALID_ARGUMENT : status.PERMISSION_DENIED, wrong);
      return;
    }
    if (context.beginnings.take(peer.id, loopMs()) > 0) {
      refuse("too-often", status.RESOURCE_EXHAUSTED, TOO_OFTEN);
      return;
    }
    clearTimeout(helloTimer);
    const outbox = createOutbox({
      write: (message, done) => {
        if (!call.destroyed && !call.writableEnded) call.write(message, () => done());
      },
      encodeAck: context.messages.reportAck,
      onEnd: () => call.end(),
      onConflated: () => onEvent({ kind: "conflated" }),
      nowMs: loopMs,
    });
    const end = (reason: EndReason): void => {
      if (isEnded || session === undefined) return;
      finish();
      onEvent({ kind: "stream-ended", node: session.node, why: reason });
      if (reason === "denied")
        call.emit("error", { code: status.PERMISSION_DENIED, details: "the fleet denies this certificate" });
      else if (reason === "silent" || reason === "stuck") context.cut(peerName);
      else outbox.goAway(context.messages.goAway(goAwayFor(reason, context)));
      cutLater(context, call, peerName);
    };
    const openedMs = loopMs();
    session = {
      node: peer.id,
      serial: peer.serial,
      hello,
      outbox,
      sinceMs: nowMs(),
      end,
      onRoom: rest.room,
      isUnread: rest.isOn,
      view: hello.view,
      seat: undefined,
      stream: 0,
      known: new Set(hello.cached),
      reports: [],
      unsent: undefined,
      waitsFor: undefined,
      heardMs: openedMs,
      openedMs,
      wroteMs: 0,
      nextBeatMs: openedMs,
      isOver: false,
    };
    outbox.greet(context.messages.welcome(welcomeTo(context, hello)));
    onEvent({ kind: "stream-opened", node: peer.id, peer: peerName });
    desk.open(session);
  };
}

/** Reading stops while the node says too much, and while what it says is not durable. */
function createRest(call: SyncCall) {
  let isFull = false;
  let timer: NodeJS.Timeout | undefined;
  const goOn = (): void => {
    if (!isFull && timer === undefined) call.resume();
  };
  return {
    forMs(ms: number): void {
      call.pause();
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = undefined;
        goOn();
      }, ms);
    },
    untilRoom(): void {
      isFull = true;
      call.pause();
    },
    isOn: (): boolean => isFull || timer !== undefined,
    room(): void {
      isFull = false;
      goOn();
    },
  };
}

/** A node that is sent away and does not go. */
function cutLater({ cut }: FeedContext, call: SyncCall, peer: string): void {
  const timer = setTimeout(() => cut(peer), FAREWELL_MS).unref();
  call.once("close", () => clearTimeout(timer));
  call.once("cancelled", () => clearTimeout(timer));
}

const TURNED_AWAY = {
  full: "this server has as many streams as it may have",
  draining: "this server is about to end",
} as const;

function goAwayFor(reason: EndReason | "full", { times }: FeedContext): GoAwayWords {
  switch (reason) {
    case "draining":
      return { reconnectAfterMs: 0, spreadMs: times.drainSpreadMs, reason: TURNED_AWAY.draining };
    case "full":
      return { reconnectAfterMs: 2_000, spreadMs: times.drainSpreadMs, reason: TURNED_AWAY.full };
    case "superseded":
      return {
        reconnectAfterMs: 60_000,
        spreadMs: 60_000,
        reason:
          "another process has connected as this node since; if that is not this machine, it is a copy of it",
      };
    default:
      return { reconnectAfterMs: 0, spreadMs: 10_000, reason: "this stream is old: nodes spread anew" };
  }
}

/** Of a status: gRPC writes it as a header. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
