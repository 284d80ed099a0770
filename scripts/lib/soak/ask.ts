import { Agent, request } from "node:http";

/** An answer of the agent, and how long it took. */
export interface Answer {
  readonly path: string;
  readonly ms: number;
  /** 0: none. */
  readonly status: number;
  readonly body: string;
}

/** Asks the agent of a node, whose port is at the other end of `socketPath`; never rejects. */
export function ask(socketPath: string, path: string, timeoutMs = 10_000): Promise<Answer> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const done = (status: number, body: string) =>
      resolve({ path, ms: performance.now() - startMs, status, body });
    const agent = new Agent({ keepAlive: false });
    const options = { socketPath, path, agent, headers: { host: "127.0.0.1:9478" }, timeout: timeoutMs };
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => done(response.statusCode ?? 0, Buffer.concat(chunks).toString()));
      response.on("error", () => done(0, ""));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => done(0, ""));
    asked.end();
  });
}
