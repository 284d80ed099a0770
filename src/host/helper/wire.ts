import { HostError } from "../../agent/ports.ts";

/*
 * What goes over the helper's socket: one request a connection, a line of JSON; then lines of answers, the last of which
 * ends it. Whoever asks takes a request back by closing the connection.
 */

/** Raised whenever a verb or its arguments change: agent and helper of different releases must not misread each other. */
export const PROTOCOL = 2;

/** A config.toml of 4 MiB as Base64, and what is around it. */
export const MAX_REQUEST_BYTES = 6 * 1024 * 1024;

/** As much as the agent itself would read of the node's files. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface Request {
  readonly protocol: number;
  readonly verb: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export type Answer =
  /** Of a stream; more follows. */
  | { readonly protocol: number; readonly event: unknown }
  | { readonly protocol: number; readonly ok: true; readonly value?: unknown }
  | { readonly protocol: number; readonly ok: false; readonly error: WireError };

export interface WireError {
  readonly code: string;
  readonly path: string;
  readonly message: string;
  readonly retryable: boolean;
}

export function toWireError(error: unknown): WireError {
  if (error instanceof HostError) {
    const { code, path, message, retryable } = error;
    return { code, path, message, retryable };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "helper-failed", path: "", message: `the root helper failed: ${message}`, retryable: true };
}

export function fromWireError({ code, path, message, retryable }: WireError): HostError {
  return new HostError(code, path, message, { retryable });
}

/** One line; bytes become `{"$bytes": Base64}`. */
export function encodeLine(value: unknown): string {
  return `${JSON.stringify(value, replace)}\n`;
}

/** Throws SyntaxError. */
export function decodeLine(line: string): unknown {
  return JSON.parse(line, revive) as unknown;
}

// `this` holds the value before Buffer's own toJSON has been asked.
function replace(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const held = this[key];
  return held instanceof Uint8Array ? { $bytes: Buffer.from(held).toString("base64") } : value;
}

function revive(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { $bytes, ...rest } = value as { $bytes?: unknown };
  if (typeof $bytes !== "string" || Object.keys(rest).length > 0) return value;
  return new Uint8Array(Buffer.from($bytes, "base64"));
}
