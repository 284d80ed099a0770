import type { Metadata } from "@grpc/grpc-js";
import { joinSignals } from "../../join-signals.ts";
import { pause } from "../../pause.ts";
import type { CallOptions } from "../engine.ts";
import { abortedError, EngineError } from "../engine-error.ts";
import { ENGINE_LIMITS } from "../engine-limits.ts";
import { type Connection, createEndpoints, type Endpoints } from "./endpoints.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import { invoke } from "./invoke.ts";
import type { Method } from "./load-protocol.ts";
import { createLogin } from "./log-in.ts";
import { shareConnection } from "./share-connection.ts";
import { needsNewToken, type ServiceFailure } from "./to-engine-error.ts";

/** The way to a cluster: calls over one connection that moves from member to member, and connections for streams. */
export interface EtcdLink {
  readonly endpoints: Endpoints;
  /** Aborted by `close`. */
  readonly closed: AbortSignal;
  method(name: string): Method;
  /**
   * A call that only reads is tried until its time is over, at the next member when one does not answer. One that
   * changes something is sent once: only what certainly was not begun is tried again.
   */
  call<T>(name: string, request: object, kind: "read" | "change", options?: CallOptions): Promise<T>;
  /** The one that calls go over, for a short stream. */
  connection(timeoutMs: number, signal: AbortSignal): Promise<Connection>;
  metadataFor(connection: Connection, signal: AbortSignal): Promise<Metadata>;
  /** Leaves the connection, or the login, when an error says that it is no good. */
  onFailure(connection: Connection, error: unknown): void;
  close(): void;
}

export function createEtcdLink(
  options: EtcdOptions,
  methods: ReadonlyMap<string, Method>,
  onConnect: (connection: Connection) => void,
): EtcdLink {
  const closing = new AbortController();
  const endpoints = createEndpoints(options);
  const shared = shareConnection(endpoints, closing.signal, onConnect);
  const method = (name: string): Method => {
    const found = methods.get(`etcdserverpb.${name}`);
    if (found === undefined) throw new TypeError(`no such method in proto/etcd.proto: ${name}`);
    return found;
  };
  const login = createLogin(options.login, method("Auth/Authenticate"));
  const onFailure = (connection: Connection, error: unknown): void => {
    if (needsNewToken(causeOf(error))) login.forget();
    else if (isSilent(error)) shared.drop(connection);
  };
  const attempt: Attempt = async (name, request, changes, timeoutMs, signal) => {
    const started = options.nowMs();
    const connection = await shared.get(Math.min(timeoutMs, CONNECT_MS), signal);
    try {
      const metadata = await login.metadataFor(connection, signal);
      const leftMs = Math.max(1, timeoutMs - (options.nowMs() - started));
      const once = { connection, method: method(name), metadata, timeoutMs: leftMs, signal, changes };
      return await invoke(request, once);
    } catch (error) {
      onFailure(connection, error);
      throw error;
    }
  };
  return {
    endpoints,
    closed: closing.signal,
    method,
    connection: shared.get,
    metadataFor: login.metadataFor,
    onFailure,
    async call(name, request, kind, { timeoutMs = ENGINE_LIMITS.callTimeoutMs, signal } = {}) {
      const joined = joinSignals(signal === undefined ? [closing.signal] : [signal, closing.signal]);
      const once = (shareMs: number) => attempt(name, request, kind === "change", shareMs, joined.signal);
      try {
        return (await repeat(once, kind, options.nowMs() + timeoutMs, joined.signal, options)) as never;
      } finally {
        joined.release();
      }
    },
    close() {
      closing.abort();
      shared.close();
    },
  };
}

type Attempt = (
  name: string,
  request: object,
  changes: boolean,
  timeoutMs: number,
  signal: AbortSignal,
) => Promise<unknown>;

const CONNECT_MS = 2_000;
const PAUSE_MS = 100;
const SHORT_MS = 300;

async function repeat(
  attempt: (timeoutMs: number) => Promise<unknown>,
  kind: "read" | "change",
  endMs: number,
  signal: AbortSignal,
  { nowMs }: Pick<EtcdOptions, "nowMs">,
): Promise<unknown> {
  const wholeMs = endMs - nowMs();
  let before: unknown;
  for (let newTokens = 0; ; ) {
    const leftMs = endMs - nowMs();
    // A read from a frozen member must leave time for the next one.
    const shareMs = kind === "read" ? Math.min(leftMs, wholeMs / 3) : leftMs;
    try {
      return await attempt(shareMs);
    } catch (error) {
      if (!(error instanceof EngineError) || error.applied === "unknown") throw error;
      if (signal.aborted) throw abortedError();
      const isStale = needsNewToken(causeOf(error));
      const mayRepeat = isStale ? newTokens++ === 0 : isSilent(error);
      // What is left at the end is too short to learn anything: why it failed before says more.
      const last = shareMs < SHORT_MS ? (before ?? error) : error;
      if (!mayRepeat) throw error;
      if (endMs - nowMs() <= PAUSE_MS) throw last;
      before = last;
      await pause(PAUSE_MS, signal);
    }
  }
}

function isSilent(error: unknown): boolean {
  return error instanceof EngineError && (error.code === "unavailable" || error.code === "timeout");
}

function causeOf(error: unknown): ServiceFailure {
  return error instanceof EngineError ? ((error.cause as ServiceFailure | undefined) ?? {}) : {};
}
