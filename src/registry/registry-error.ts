/** Where on the way to an answer it ended. */
export type Phase = "dns" | "connect" | "tls" | "http" | "auth" | "token";

/** A request that got no usable answer. The message is for an operator and holds no secret. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly phase: Phase;
  constructor(phase: Phase, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.phase = phase;
  }
}
