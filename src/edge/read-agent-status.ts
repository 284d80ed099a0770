import { get } from "node:http";
import { parseHostPort } from "../core/agent-config/listen-address.ts";

const TIMEOUT_MS = 1_000;
/** Thousands of host namespaces fit in. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * `/status.json` of the agent that runs on this node; undefined when none answers within a second. `address` is
 * where it listens: one that means every address is asked on loopback.
 */
export async function readAgentStatus(address: string): Promise<unknown> {
  const listener = parseHostPort(address);
  if (listener === undefined || listener.port === 0) return undefined;
  const { host, port } = listener;
  const to = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  try {
    return JSON.parse(await read(to, port));
  } catch {
    return undefined; // no agent, another version, or somebody else's listener: then nothing is known
  }
}

function read(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host, port, path: "/status.json", agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) },
      (response) => {
        if (response.statusCode !== 200) request.destroy(new Error(`status ${response.statusCode}`));
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MAX_BYTES) request.destroy(new Error("too large"));
        });
        response.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
        response.once("error", reject);
      },
    );
    request.once("error", reject);
  });
}
