import type { Containerd } from "../agent/ports.ts";
import { CallError, type Connect } from "./cri-client.ts";

/** CRI's PullImage. A failure is a result, never thrown. */
export function pullImageWith(connect: Connect): Containerd["pullImage"] {
  return async (image, timeoutMs, signal) => {
    const request = { image: { image } };
    try {
      const reply = await connect((call) =>
        call("runtime.v1.ImageService/PullImage", request, { timeoutMs, signal }),
      );
      return { ok: true, imageRef: String((reply as { imageRef: unknown }).imageRef) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, code: error instanceof CallError ? error.code : "UNKNOWN", message };
    }
  };
}
