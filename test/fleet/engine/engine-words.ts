import type { Operation } from "../../../src/fleet/engine/engine.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString();
}

export function put(key: string, value: string, lease?: string): Operation {
  return { kind: "put", key, value: bytes(value), ...(lease === undefined ? {} : { lease }) };
}

export function remove(key: string): Operation {
  return { kind: "delete", key };
}

export function get(key: string): Operation {
  return { kind: "get", key };
}

/** Waits as long as a busy machine may need. */
export async function eventually(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < WAIT_LIMIT_MS / 20; attempt++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`it never came to pass: ${what}`);
}
