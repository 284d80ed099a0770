import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Scrape } from "./scrape-load.ts";

/** A process that does nothing but answer every request with one and the same page. */
export interface BareServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const script = `
const { readFileSync } = require("node:fs");
const body = readFileSync(process.argv[1]);
const headers = { ...JSON.parse(process.argv[2]), "content-length": body.length };
const server = require("node:http").createServer((request, response) => response.writeHead(200, headers).end(body));
server.listen(0, "127.0.0.1", () => process.stdout.write(String(server.address().port)));
process.stdin.resume().on("end", () => process.exit());
`;

export async function startBareServer(directory: string, { headers, body }: Scrape): Promise<BareServer> {
  const page = join(directory, "page");
  await writeFile(page, body);
  const kept = ["content-type", "content-encoding"].filter((name) => headers[name] !== undefined);
  const wanted = JSON.stringify(Object.fromEntries(kept.map((name) => [name, headers[name]])));
  const child = spawn(process.execPath, ["--eval", script, page, wanted], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return {
    url: `http://127.0.0.1:${port}/`,
    pid: child.pid ?? 0,
    async stop() {
      // Its end of input is its end, also when this process is killed.
      child.stdin.end();
      await once(child, "exit");
    },
  };
}
