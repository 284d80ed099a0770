import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { EvidenceKeeper } from "../agent/evidence/evidence-keeper.ts";
import type { FeedChoice } from "../agent/feed/choose-document.ts";
import { type FeedKeeper, openFeedKeeper } from "../agent/feed/feed-keeper.ts";
import type { FeedStatus } from "../agent/feed/feed-status.ts";
import { createFeedStore } from "../agent/feed/feed-store.ts";
import { tryDocument } from "../agent/feed/try-document.ts";
import type { PassContext } from "../agent/pass-context.ts";
import type { PassReport } from "../agent/report.ts";
import type { NodeDeps } from "../cli/node-deps.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { Phase } from "../core/fleet/phase.ts";
import { createDebounce } from "../edge/debounce.ts";
import { followFeed } from "../edge/feed/follow-feed.ts";
import { createCredentialReader } from "../edge/feed/read-feed-credentials.ts";
import { agentsContext } from "./agents-context.ts";
import { hasDesiredState, isUnsignedFeed, type NodeSetup } from "./compose-node.ts";
import { readTrust, signingPorts } from "./read-trust.ts";

/** The agent's feed at work. */
export interface FeedRun {
  choose(): Promise<FeedChoice>;
  passed(report: PassReport): void;
  turned(): void;
  status(): FeedStatus;
  answers(): ReadonlyMap<Phase, number>;
  /** From now on the feed is asked: passes can be made. */
  start(): void;
  stop(): Promise<void>;
}

export interface FeedDeps {
  readonly setup: NodeSetup;
  readonly feed: NonNullable<AgentConfig["feed"]>;
  readonly version: string;
  readonly deps: NodeDeps;
  /** That of the agent's passes. */
  readonly context: PassContext;
  readonly evidence: Pick<EvidenceKeeper, "report">;
  readonly trigger: (reason: string) => void;
  /** A pass is under way. */
  readonly isBusy: () => boolean;
  readonly onChange: () => void;
}

const BUSY_MS = 200;
const TURN_QUIET_MS = 500;
const TURN_FLOOD_MS = 2_000;

export async function runFeed(options: FeedDeps): Promise<FeedRun> {
  const { setup, feed, version, deps, context, evidence, trigger } = options;
  const { config, root, log } = setup;
  const { clock } = context.ports;
  const nodeId = config.node.id ?? hostname();
  const keeper: FeedKeeper = await openFeedKeeper({
    ports: context.ports,
    state: context.state,
    store: createFeedStore(config.stateDir, context.ports),
    self: {
      nodeId,
      instance: randomBytes(16).toString("hex"),
      agentVersion: version,
      labels: config.node.labels,
    },
    async expected() {
      const trusted = await readTrust(config, root);
      if (trusted.ok) return trusted.expected;
      const [issue] = trusted.issues;
      return {
        code: issue?.code ?? "trust-keys",
        message: issue?.message ?? "the trusted keys cannot be read",
      };
    },
    mayBeUnsigned: isUnsignedFeed(config),
    signing: signingPorts,
    evidence: evidence.report,
    trigger,
    hasFile: () => hasDesiredState(setup),
    async tryDocument(envelope, digest, signal) {
      // Two that look at the node at once would only slow the pass.
      while (options.isBusy()) await clock.sleep(BUSY_MS, signal);
      const choice: FeedChoice = { kind: "document", digest, envelope, isNewTry: true, isSoaked: false };
      const once = agentsContext(deps, config, async () => choice);
      return tryDocument({ ...once, witness: context.witness, signal });
    },
  });
  // A mirror that goes turns the verdicts of a thousand registries at once.
  const turn = createDebounce(TURN_QUIET_MS, TURN_FLOOD_MS, keeper.turned);
  const { ca, cert, key, address } = feed;
  let link: ReturnType<typeof followFeed> | undefined;
  const startedMs = clock.now();
  return {
    choose: keeper.choose,
    passed: keeper.passed,
    turned: turn.poke,
    answers: () => keeper.standing().answers,
    status() {
      const { answers: _counted, ...standing } = keeper.standing();
      const state = link?.state() ?? NOT_STARTED;
      return { address, ...state, sinceMs: state.sinceMs || startedMs, ...standing };
    },
    start() {
      link ??= followFeed({
        address,
        credentials: createCredentialReader({ ca, cert, key, root }, nodeId, clock.now),
        listener: keeper.listener,
        clock,
        log,
        random: Math.random,
        onChange: options.onChange,
      });
    },
    async stop() {
      turn.cancel();
      await link?.stop();
      await keeper.stop();
    },
  };
}

const NOT_STARTED = { isConnected: false, sinceMs: 0, message: "not connected yet", streams: 0 } as const;
