import { connect } from "node:net";
import { HostError } from "../../agent/ports.ts";
import { type Answer, decodeLine, encodeLine, fromWireError, MAX_ANSWER_BYTES, PROTOCOL } from "./wire.ts";

export interface AskOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Of a verb that streams. */
  readonly onEvent?: (event: unknown) => void;
}

/** One request to the root helper. Rejects with the HostError that the helper had, or `helper-unreachable`. */
export type AskHelper = (verb: string, args?: object, options?: AskOptions) => Promise<unknown>;

/** Longer than anything the helper does but watch: a restart may take 90 s and wait for another change. */
const ASK_MS = 240_000;

export function createHelperClient(socketPath: string): AskHelper {
  return (verb, args = {}, { timeoutMs = ASK_MS, signal, onEvent } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(unreachable(socketPath, "aborted before it was asked"));
      const socket = connect({ path: socketPath, allowHalfOpen: true });
      const pieces: Buffer[] = [];
      let size = 0;
      let isOver = false;
      const settle = (act: () => void): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
        socket.destroy();
        act();
      };
      const fail = (why: string): void => settle(() => reject(unreachable(socketPath, why)));
      const cancel = (): void => fail("the request was taken back");
      const timer = setTimeout(() => fail(`no answer to ${verb} within ${timeoutMs / 1000} s`), timeoutMs);
      if (onEvent !== undefined) clearTimeout(timer);
      signal?.addEventListener("abort", cancel, { once: true });
      const takeLine = (line: string): void => {
        const answer = readAnswer(line);
        if (answer === undefined) settle(() => reject(otherRelease()));
        else if ("event" in answer) onEvent?.(answer.event);
        else settle(() => (answer.ok ? resolve(answer.value) : reject(fromWireError(answer.error))));
      };
      socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      socket.once("end", () => fail(`it ended while it was asked to ${verb}`));
      socket.once("close", () => fail(`it ended while it was asked to ${verb}`));
      socket.on("data", (chunk: Buffer) => {
        let from = 0;
        for (let end = chunk.indexOf(0x0a); end !== -1 && !isOver; end = chunk.indexOf(0x0a, from)) {
          pieces.push(chunk.subarray(from, end));
          takeLine(Buffer.concat(pieces.splice(0)).toString("utf8"));
          size = 0;
          from = end + 1;
        }
        if (isOver) return;
        const rest = chunk.subarray(from);
        pieces.push(rest);
        size += rest.length;
        if (size > MAX_ANSWER_BYTES) fail("its answer is too long");
      });
      socket.write(encodeLine({ protocol: PROTOCOL, verb, args }));
    });
}

/** Undefined: of another protocol, or none at all. */
function readAnswer(line: string): Answer | undefined {
  try {
    const answer = decodeLine(line) as Answer;
    // An older or newer helper says itself that it is one; all releases say it in this form.
    const isError = "error" in answer && answer.error?.code === "helper-version";
    return answer.protocol === PROTOCOL || isError ? answer : undefined;
  } catch {
    return undefined;
  }
}

function otherRelease(): HostError {
  const message =
    "agent and root helper are of different releases: one of them was replaced and has not been started again: systemctl restart mirrorlet.service; pulls are unaffected";
  return new HostError("helper-version", "", message, { retryable: true });
}

function unreachable(socketPath: string, why: string): HostError {
  const message = `the root helper at ${socketPath} cannot be reached (${why}): config.toml and the restart of containerd wait for it; pulls are unaffected. See systemctl status mirrorlet-helper.socket`;
  return new HostError("helper-unreachable", socketPath, message, { retryable: true });
}
