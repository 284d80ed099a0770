import { Agent, get, type IncomingMessage, type RequestOptions } from "node:http";
import type { Socket } from "node:net";
import { formatHostPort, parseHostPort } from "../core/agent-config/listen-address.ts";

/** What the agent that runs on this node says of itself, or why nothing is heard of it. */
export type AgentAnswer =
  | { readonly ok: true; readonly document: unknown }
  | { readonly ok: false; readonly message: string };

export interface AskOptions {
  /** Where the agent listens; an address that means every one is asked on loopback. */
  readonly address: string;
  readonly timeoutMs: number;
  /**
   * Whose program holds the other end. While the agent is down any user may listen in its place, so that only root
   * and the caller are believed.
   */
  readonly mayAnswer: (peer: Socket) => boolean | Promise<boolean>;
}

/** Room for ten thousand registries. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Asks for `/status.json`. Never throws. */
export async function askAgent({ address, timeoutMs, mayAnswer }: AskOptions): Promise<AgentAnswer> {
  const to = dialAddress(address);
  if (to === undefined) return silent(`${address} is no address that can be asked`);
  const where = formatHostPort(to);
  // Kept alive: the owner of an end that is closed cannot be told.
  const agent = new Agent({ keepAlive: true });
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await request({ ...to, path: "/status.json", agent, signal });
    if (!(await mayAnswer(response.socket)))
      return silent(`what answers at ${where} is not run by root or by you, and is not believed`);
    const text = await readBody(response);
    if (response.statusCode !== 200) return silent(`${where} answers ${response.statusCode}, not a status`);
    return { ok: true, document: JSON.parse(text) };
  } catch (error) {
    const reason = signal.aborted ? `no answer in ${timeoutMs / 1000} s` : reasonOf(error as Error);
    return silent(`it does not answer at ${where}: ${reason}`);
  } finally {
    agent.destroy();
  }
}

function silent(message: string): AgentAnswer {
  return { ok: false, message };
}

function dialAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const listener = parseHostPort(address);
  if (listener === undefined || listener.port === 0) return undefined;
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  return { ...listener, host: everywhere[listener.host] ?? listener.host };
}

function request(options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(options, resolve).once("error", reject);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > MAX_BYTES) throw new Error("its answer is too long");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNREFUSED") return "nothing listens there";
  return error instanceof SyntaxError ? "its answer is not JSON" : error.message;
}
