import { Agent, request } from "node:http";

export interface Scrape {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As it came over the wire, packed or not. */
  readonly body: Buffer;
}

export interface Load {
  /** From the moment a scrape was due to the end of its body. */
  readonly latenciesMs: readonly number[];
  /** Answered otherwise than with 200, or not within ten seconds. */
  readonly failed: number;
}

/**
 * So many scrapes a second for so long, each when it is due and not when the one before has ended: a server that falls
 * behind is seen to. Over kept connections, and taking packed bodies, as Prometheus does.
 */
export async function scrapeLoad(url: string, perSecond: number, seconds: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const latenciesMs: number[] = [];
  let failed = 0;
  const startMs = performance.now();
  const scrapes = Array.from({ length: perSecond * seconds }, async (_, index) => {
    const dueMs = startMs + (index * 1000) / perSecond;
    await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
    try {
      const { status } = await scrape(url, agent);
      if (status !== 200) throw new Error(`status ${status}`);
      latenciesMs.push(performance.now() - dueMs);
    } catch {
      failed++;
    }
  });
  await Promise.all(scrapes);
  agent.destroy();
  return { latenciesMs, failed };
}

export function scrape(url: string, agent: Agent): Promise<Scrape> {
  return new Promise((resolve, reject) => {
    const options = { agent, headers: { "accept-encoding": "gzip" }, signal: AbortSignal.timeout(10_000) };
    const outgoing = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
