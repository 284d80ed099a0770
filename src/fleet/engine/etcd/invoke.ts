import type { ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { abortedError } from "../engine-error.ts";
import type { Connection } from "./endpoints.ts";
import type { Method } from "./load-protocol.ts";
import { type ServiceFailure, toEngineError } from "./to-engine-error.ts";

export interface Invocation {
  readonly connection: Connection;
  readonly method: Method;
  readonly metadata: Metadata;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Whether no answer leaves open if something was changed. */
  readonly changes: boolean;
}

/** One call, once; rejects with EngineError whose cause is the service's failure. */
export function invoke<T>(request: object, invocation: Invocation): Promise<T> {
  const { connection, method, metadata, timeoutMs, signal, changes } = invocation;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortedError());
    const call = connection.client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (failure: ServiceFailure | null, reply) => {
        signal.removeEventListener("abort", cancel);
        if (failure === null) resolve(reply as T);
        else reject(toEngineError(failure, connection.endpoint, changes));
      },
    );
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  });
}

/** A stream both ways. Who opens it listens to `data` and `error`, and cancels it. */
export function openStream(
  { client }: Connection,
  { path, requestSerialize, responseDeserialize }: Method,
  metadata: Metadata,
): ClientDuplexStream<object, object> {
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
}
