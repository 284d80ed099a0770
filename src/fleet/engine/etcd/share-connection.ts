import { abortedError } from "../engine-error.ts";
import type { Connection, Endpoints } from "./endpoints.ts";

export interface SharedConnection {
  /** Made at the first call, and at the one after a `drop`. Rejects with EngineError. */
  get(timeoutMs: number, signal: AbortSignal): Promise<Connection>;
  /** It does not answer: the next one is made to the next member. */
  drop(connection: Connection): void;
  close(): void;
}

/** One connection for all calls. `closed` is aborted no later than `close` is called. */
export function shareConnection(
  endpoints: Endpoints,
  closed: AbortSignal,
  onConnect: (connection: Connection) => void,
): SharedConnection {
  let pending: Promise<Connection> | undefined;
  let newest: Connection | undefined;
  const open = async (timeoutMs: number): Promise<Connection> => {
    const endpoint = endpoints.current();
    try {
      // Shared by several calls: not ended by the signal of one of them.
      newest = await endpoints.connect(endpoint, timeoutMs, closed);
    } catch (error) {
      pending = undefined;
      endpoints.leave(endpoint);
      throw error;
    }
    onConnect(newest);
    return newest;
  };
  return {
    async get(timeoutMs, signal) {
      if (signal.aborted) throw abortedError();
      pending ??= open(timeoutMs);
      return pending;
    },
    drop(connection) {
      endpoints.leave(connection.endpoint);
      if (connection === newest) pending = undefined;
      // Calls that are under way on it come to their own end.
      connection.client.close();
    },
    close() {
      pending?.then(({ client }) => client.close()).catch(() => undefined);
    },
  };
}
