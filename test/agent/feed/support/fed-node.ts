import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type FeedKeeper, openFeedKeeper } from "../../../../src/agent/feed/feed-keeper.ts";
import type { FeedMemory } from "../../../../src/agent/feed/feed-memory.ts";
import type { FeedAssignment, FeedReport } from "../../../../src/agent/feed/feed-messages.ts";
import { createFeedStore, type FeedStore } from "../../../../src/agent/feed/feed-store.ts";
import { loadChosen } from "../../../../src/agent/feed/load-chosen.ts";
import { refuseInsecure } from "../../../../src/agent/feed/refuse-insecure.ts";
import { type Tried, tryDocument } from "../../../../src/agent/feed/try-document.ts";
import { loadWanted } from "../../../../src/agent/load-wanted.ts";
import { runPass } from "../../../../src/agent/pass.ts";
import type { PassContext } from "../../../../src/agent/pass-context.ts";
import { readPin } from "../../../../src/agent/pin.ts";
import { type Clock, HostError } from "../../../../src/agent/ports.ts";
import { createLoadMemory } from "../../../../src/agent/remember-loaded.ts";
import type { PassReport } from "../../../../src/agent/report.ts";
import type { EvidenceReport, VerdictName } from "../../../../src/core/evidence/evidence-report.ts";
import type { SignedState } from "../../../../src/core/signing/signed-state.ts";
import { writeSignedState } from "../../../../src/core/signing/signed-state.ts";
import { inspectCertificates } from "../../../../src/host/certificates.ts";
import { verifyEd25519 } from "../../../../src/host/ed25519.ts";
import {
  DAY,
  envelopeOf,
  sha256,
  signDocument,
  signedState,
  type TestKey,
  testKey,
} from "../../../core/signing/sign.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "../../test-node.ts";

export const anna: TestKey = testKey(1);
export const SELF = { id: "n1", fleet: "prod", channel: "stable", labels: {} };
export const HOSTS = `${CERTS_D}/quay.io/hosts.toml`;
export const PIN = "/etc/mirrorlet/pin";

export const READS_CERTS_D = `version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${CERTS_D}"\n`;

export const text = (port: number): string =>
  `registryMirrors:\n- endpoint: http://127.0.0.1:${port}\n  hosts: [quay.io]\n`;

export interface Signed {
  readonly digest: string;
  readonly envelope: Uint8Array;
}

/** An agent with a feed on the model of a node: the keeper and real passes, without the wire. */
export interface FedNode {
  readonly node: TestNode;
  keeper: FeedKeeper;
  /** Reports on the stream that is open, in order. */
  readonly reports: FeedReport[];
  /** Passes that the keeper has asked for. */
  readonly triggers: string[];
  /** Why streams were to be renewed. */
  readonly renewed: string[];
  mayBeUnsigned: boolean;
  keys: readonly TestKey[];
  /** The desired state of agent.toml. */
  file: Uint8Array | undefined;
  sign(overrides?: Partial<SignedState>, keys?: readonly TestKey[]): Signed;
  assignment(signed: Signed, more?: Partial<FeedAssignment>): FeedAssignment;
  /** What has been handed over is handled when this resolves. */
  assign(signed: Signed, more?: Partial<FeedAssignment>): Promise<void>;
  /** The keeper's turn, then a pass, told to it. */
  pass(): Promise<PassReport>;
  /** The context of a pass that takes what the feed has chosen. */
  context(): PassContext;
  /** The context of a pass of `mirrorlet apply` with this document. */
  contextOf(signed: Signed): PassContext;
  tick(): Promise<void>;
  /** The keeper's timer is due. False: it has none. */
  ring(): Promise<boolean>;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Another process on the same disk. */
  restart(): Promise<void>;
  /** What pulls show from now on, confirmed now. */
  verdict(name: VerdictName): void;
  memory(): Promise<FeedMemory>;
  readonly store: FeedStore;
  /** The disk refuses this write of the keeper's from now on, and takes the next one. */
  failWriteAt(count: number): void;
  hasFailed(): boolean;
  readonly phases: readonly string[];
  /** The newest report that answers an assignment. */
  readonly answer: FeedReport | undefined;
  /** The port of the mirror that containerd would ask. */
  readonly port: string | undefined;
}

export async function fedNode(t: TestContext, config = READS_CERTS_D, version = "2.1.9"): Promise<FedNode> {
  const node = createTestNode(version);
  t.after(() => node.remove());
  node.write(CONFIG, config);
  const understand = createLoadMemory(sha256);
  const base = node.context();
  // Time passes when a test says so.
  let wake: (() => void) | undefined;
  const clock: Clock = {
    ...node.clock,
    sleep: (_ms, signal) =>
      Promise.race([
        untilAborted(signal),
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
      ]),
  };
  let verdict: { readonly name: VerdictName; readonly lastMs: number } | undefined;
  let latest: PassReport | undefined;
  let sequence = 0;
  const reports: FeedReport[] = [];
  const triggers: string[] = [];
  const renewed: string[] = [];

  const evidence = (): EvidenceReport => ({
    atMs: clock.now(),
    sources: [],
    registries: (latest?.registries ?? []).map((registry) => ({
      ...registry,
      verdict: {
        name: verdict?.name ?? "unproven",
        ...(verdict && { source: "trace" as const, lastMs: verdict.lastMs }),
        sinceMs: 0,
        pulls: 0,
        message: `pulls are ${verdict?.name ?? "not seen"}`,
      },
      pulls: { mirror: 0, mixed: 0, upstream: 0, failed: 0, none: 0 },
      fallbacks: 0,
      probes: [],
    })),
    unwatched: { pulls: { mirror: 0, mixed: 0, upstream: 0, failed: 0, none: 0 }, fallbacks: 0 },
    recentFallbacks: [],
  });

  const loadBytes = (bytes: Uint8Array, name: string, mayBeUnsigned: boolean) => {
    const trust = fed.keys.length === 0 ? undefined : { keys: fed.keys, threshold: 1 };
    return loadWanted([{ name, bytes }], {
      expected: { trust, unsignedFiles: mayBeUnsigned, node: SELF },
      signing: { verifyEd25519, sha256 },
      state: base.state,
      understand,
      load: { files: base.ports.files, clock, certificates: inspectCertificates },
      at: { file: name, line: 1, column: 1 },
      keyFiles: [],
    });
  };

  const contextOf = (choose: FeedKeeper["choose"]): PassContext => ({
    ...node.context(),
    load: async () => {
      const pin = await readPin(base.ports.files);
      if (pin !== undefined) return { kind: "kept", condition: pin, issues: [], inputs: [] };
      return loadChosen(await choose(), {
        document: async ({ envelope }) => {
          const wanted = await loadBytes(envelope, "feed", fed.mayBeUnsigned);
          return fed.mayBeUnsigned ? refuseInsecure(wanted) : wanted;
        },
        files: () => loadBytes(fed.file ?? new Uint8Array(), "file", false),
        hasFile: async () => fed.file !== undefined,
      });
    },
  });

  const store = createFeedStore(node.config.stateDir, base.ports);
  let writesLeft = Number.POSITIVE_INFINITY;
  const write = async (work: () => Promise<void>): Promise<void> => {
    writesLeft -= 1;
    if (writesLeft === 0)
      throw new HostError("no-space", "/var/lib/mirrorlet/feed", "no space left", { retryable: true });
    await work();
  };
  const flaky: FeedStore = {
    ...store,
    save: (memory) => write(() => store.save(memory)),
    saveDocument: (digest, envelope) => write(() => store.saveDocument(digest, envelope)),
  };

  const open = (): Promise<FeedKeeper> =>
    openFeedKeeper({
      ports: { ...base.ports, clock },
      state: base.state,
      store: flaky,
      self: { nodeId: SELF.id, instance: "00".repeat(16), agentVersion: "1", labels: {} },
      expected: async () => ({
        trust: fed.keys.length === 0 ? undefined : { keys: fed.keys, threshold: 1 },
        node: SELF,
      }),
      mayBeUnsigned: fed.mayBeUnsigned,
      signing: { verifyEd25519, sha256 },
      evidence,
      trigger: (reason) => triggers.push(reason),
      hasFile: async () => fed.file !== undefined,
      tryDocument: (envelope, digest, signal): Promise<Tried> =>
        tryDocument({
          ...contextOf(async () => ({ kind: "document", digest, envelope, isNewTry: true, isSoaked: false })),
          signal,
        }),
    });

  const fed: FedNode = {
    node,
    keeper: undefined as unknown as FeedKeeper,
    reports,
    triggers,
    renewed,
    mayBeUnsigned: false,
    keys: [anna],
    file: undefined,
    sign(overrides = {}, keys = [anna]) {
      const state = signedState({ expiresMs: clock.now() + 30 * DAY, ...overrides });
      const digest = sha256(envelopeOf(writeSignedState(state), keys).payload);
      return { digest, envelope: signDocument(state, keys) };
    },
    assignment: ({ digest, envelope }, more = {}) => ({
      id: `r1/1/${digest.slice(0, 6)}`,
      rolloutId: "r1",
      mode: "apply",
      digest,
      envelope,
      spreadMs: 0,
      soakMs: 60_000,
      reportByMs: 600_000,
      needsObserved: false,
      ...more,
    }),
    async assign(signed, more) {
      this.keeper.listener.received({ kind: "assignment", assignment: this.assignment(signed, more) });
      await this.tick();
    },
    context: () => contextOf(fed.keeper.choose),
    contextOf: ({ envelope }) => ({
      ...node.context({ retryQuarantined: true }),
      load: () => loadBytes(envelope, "own.json", false),
    }),
    async pass() {
      await this.tick();
      latest = await runPass(this.context());
      this.keeper.passed(latest);
      await this.tick();
      return latest;
    },
    // Handled after all that was posted before it.
    tick: () => fed.keeper.tick(),
    async ring() {
      const due = wake;
      wake = undefined;
      due?.();
      await setImmediate();
      // The queue's next job comes after the timer's.
      await fed.keeper.choose();
      return due !== undefined;
    },
    async connect() {
      reports.length = 0;
      sequence = 0;
      this.keeper.listener.opened({
        send(report) {
          reports.push(report);
          sequence += 1;
          return sequence;
        },
        renew: (reason) => renewed.push(reason),
      });
      await this.tick();
    },
    async disconnect() {
      this.keeper.listener.closed();
      await this.tick();
    },
    async restart() {
      await this.keeper.stop();
      latest = undefined;
      this.keeper = await open();
      await this.connect();
    },
    verdict(name) {
      verdict = { name, lastMs: clock.now() };
    },
    memory: async () => (await store.load()).memory,
    store,
    failWriteAt(count) {
      writesLeft = count;
    },
    hasFailed: () => writesLeft <= 0,
    get phases() {
      return reports.filter(({ assignmentId }) => assignmentId !== "").map(({ phase }) => phase ?? "");
    },
    get answer() {
      return reports.filter(({ assignmentId }) => assignmentId !== "").at(-1);
    },
    get port() {
      return /127\.0\.0\.1:(\d+)/.exec(node.read(HOSTS) ?? "")?.[1];
    },
  };
  fed.keeper = await open();
  t.after(() => fed.keeper.stop());
  await fed.connect();
  return fed;
}

function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
