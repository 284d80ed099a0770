import type { Containerd } from "../agent/ports.ts";
import { CallError, type Connect } from "./cri-client.ts";

const QUICK_MS = 10_000;

/** What the agent asks of CRI's ImageService. Failures are results, never thrown. */
export function imageVerbs(connect: Connect): Pick<Containerd, "hasImage" | "removeImage" | "pullImage"> {
  const ask = async (
    verb: string,
    image: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const request = { image: { image } };
    try {
      const reply = await connect((call) =>
        call(`runtime.v1.ImageService/${verb}`, request, { timeoutMs, signal }),
      );
      return { ok: true, reply: reply as Record<string, unknown> };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, code: error instanceof CallError ? error.code : "UNKNOWN", message };
    }
  };
  return {
    async hasImage(reference, signal) {
      const answer = await ask("ImageStatus", reference, QUICK_MS, signal);
      return answer.ok && answer.reply["image"] !== null;
    },
    async removeImage(reference, signal) {
      const answer = await ask("RemoveImage", reference, QUICK_MS, signal);
      return answer.ok ? { ok: true } : answer;
    },
    async pullImage(reference, timeoutMs, signal) {
      const answer = await ask("PullImage", reference, timeoutMs, signal);
      return answer.ok ? { ok: true, imageRef: String(answer.reply["imageRef"]) } : answer;
    },
  };
}

type Answer =
  | { readonly ok: true; readonly reply: Record<string, unknown> }
  | { readonly ok: false; readonly code: string; readonly message: string };
