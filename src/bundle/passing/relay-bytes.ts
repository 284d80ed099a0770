import { PassedByError } from "./passed-by.ts";

/** Bytes that are written in one place and read in another, each piece when it is wanted. */
export interface Relay {
  /** Resolves when it has been taken, or nobody reads any more. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more is to come; `error`: because of that. */
  end(error?: Error): void;
  /** Can be read once. */
  bytes(): AsyncGenerator<Uint8Array, void>;
  /** Nobody reads any more, or ever will. */
  close(): void;
  /** Something of it has been read: from its start it cannot be had again. */
  hasBegun(): boolean;
}

export function createRelay(): Relay {
  let chunk: Uint8Array | undefined;
  let end: { readonly error: Error | undefined } | undefined;
  let hasBegun = false;
  let isClosed = false;
  let wake = (): void => {};
  let taken = (): void => {};
  const close = (): void => {
    isClosed = true;
    chunk = undefined;
    taken();
    wake();
  };
  return {
    write(next) {
      if (isClosed) return Promise.resolve();
      chunk = next;
      wake();
      return new Promise((resolve) => {
        taken = resolve;
      });
    },
    end(error) {
      end ??= { error };
      wake();
    },
    close,
    hasBegun: () => hasBegun,
    async *bytes() {
      if (hasBegun || isClosed) throw new PassedByError("its bytes have gone by");
      try {
        for (;;) {
          while (chunk === undefined && end === undefined && !isClosed)
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          const next = chunk;
          if (next === undefined) break;
          chunk = undefined;
          hasBegun = true;
          taken();
          yield next;
        }
        if (end?.error !== undefined) throw end.error;
        if (end === undefined) throw new PassedByError("its bytes have gone by");
      } finally {
        close();
      }
    },
  };
}
