import { Metadata } from "@grpc/grpc-js";
import type { Connection } from "./endpoints.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import { invoke } from "./invoke.ts";
import type { Method } from "./load-protocol.ts";

export interface Login {
  /** What goes with every call and stream to a connection. Rejects with EngineError when the login fails. */
  metadataFor(connection: Connection, signal: AbortSignal): Promise<Metadata>;
  /** The token is no good any more: the next call gets a new one. */
  forget(): void;
}

/** Tokens are good for minutes and for every member; without `login` there is none. */
export function createLogin(login: EtcdOptions["login"], authenticate: Method): Login {
  let token: Promise<string> | undefined;
  const ask = async (connection: Connection, signal: AbortSignal): Promise<string> => {
    const request = { name: login?.user, password: login?.password };
    const once = { connection, method: authenticate, metadata: needingLeader(), timeoutMs: LOGIN_MS, signal };
    return (await invoke<{ token: string }>(request, { ...once, changes: false })).token;
  };
  return {
    async metadataFor(connection, signal) {
      const metadata = needingLeader();
      if (login === undefined) return metadata;
      token ??= ask(connection, signal);
      try {
        metadata.set("token", await token);
      } catch (error) {
        token = undefined;
        throw error;
      }
      return metadata;
    },
    forget() {
      token = undefined;
    },
  };
}

const LOGIN_MS = 5_000;

/** A member that has lost the leader refuses at once, and ends watches, instead of going on with what it last knew. */
function needingLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set("hasleader", "true");
  return metadata;
}
