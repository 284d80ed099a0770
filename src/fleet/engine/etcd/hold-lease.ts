import { joinSignals } from "../../join-signals.ts";
import { pause } from "../../pause.ts";
import type { CallOptions, Lease } from "../engine.ts";
import { EngineError } from "../engine-error.ts";
import type { EtcdLink } from "./etcd-link.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import { openStream } from "./invoke.ts";
import { type ServiceFailure, toEngineError } from "./to-engine-error.ts";

/** Grants a lease and keeps it alive, by a third of its time. */
export async function holdLease(
  link: EtcdLink,
  options: Pick<EtcdOptions, "nowMs" | "random" | "onNotice">,
  wantedMs: number,
  call: CallOptions,
): Promise<Lease> {
  // Our own choice, for the server's needs all 64 bits.
  const id = 1 + Math.floor(options.random() * 2 ** 52);
  const asked = options.nowMs();
  const { TTL } = await link.call<{ TTL: number }>(
    "Lease/LeaseGrant",
    { TTL: Math.ceil(wantedMs / 1000), ID: id },
    "change",
    call,
  );
  const lost = new AbortController();
  const ended = new AbortController();
  const held: HeldLease = { id, ttlMs: TTL * 1000, renewedMs: asked };
  const { signal, release } = joinSignals([ended.signal, link.closed]);
  void keepAlive(link, options, held, signal)
    .then((reason) => lost.abort(reason))
    .finally(release);
  return {
    id: String(id),
    lost: lost.signal,
    async end() {
      ended.abort();
      await link.call("Lease/LeaseRevoke", { ID: id }, "change", { timeoutMs: 3_000 }).catch(() => undefined);
    },
  };
}

interface HeldLease {
  readonly id: number;
  readonly ttlMs: number;
  /** When the newest renewal that was answered had been sent: the server has it until `ttlMs` later at least. */
  renewedMs: number;
}

/** Until the lease is lost; why. */
async function keepAlive(
  link: EtcdLink,
  { nowMs, onNotice }: Pick<EtcdOptions, "nowMs" | "onNotice">,
  held: HeldLease,
  signal: AbortSignal,
): Promise<EngineError> {
  let dueMs = held.renewedMs + held.ttlMs / 3;
  while (!signal.aborted) {
    await pause(Math.max(0, dueMs - nowMs()), signal);
    const leftMs = held.renewedMs + held.ttlMs - nowMs();
    if (leftMs <= 0) return lostError(held, "it could not be renewed in time");
    const sent = nowMs();
    try {
      const ttl = await renewOnce(link, held.id, Math.min(leftMs, RENEW_MS), signal);
      if (ttl <= 0) return lostError(held, "etcd no longer has it");
      held.renewedMs = sent;
      dueMs = sent + held.ttlMs / 3;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (!signal.aborted) onNotice?.({ kind: "reconnect", endpoint: link.endpoints.current(), error });
      dueMs = Math.min(nowMs() + RETRY_MS, held.renewedMs + held.ttlMs);
    }
  }
  return lostError(held, "it was ended here");
}

const RENEW_MS = 2_000;
const RETRY_MS = 200;

/** The new time to live, in seconds. */
async function renewOnce(
  link: EtcdLink,
  id: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  const connection = await link.connection(timeoutMs, signal);
  const metadata = await link.metadataFor(connection, signal);
  const stream = openStream(connection, link.method("Lease/LeaseKeepAlive"), metadata);
  try {
    return await new Promise<number>((resolve, reject) => {
      const fail = (failure: ServiceFailure): void =>
        reject(toEngineError(failure, connection.endpoint, false));
      const late = setTimeout(fail, timeoutMs, { details: "no answer to a renewal of a lease" });
      stream.on("error", (failure: ServiceFailure) => {
        clearTimeout(late);
        fail(failure);
      });
      stream.once("data", ({ TTL }: { TTL: number }) => {
        clearTimeout(late);
        resolve(TTL);
      });
      stream.write({ ID: id });
    });
  } catch (error) {
    link.onFailure(connection, error);
    throw error;
  } finally {
    stream.cancel();
  }
}

function lostError({ id }: HeldLease, why: string): EngineError {
  return new EngineError("lease-lost", `lease ${id} is lost: ${why}`);
}
