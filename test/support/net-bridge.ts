import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A process that passes connections on between a port of some network namespace and a socket file. */
export interface Bridge {
  close(): void;
}

/**
 * `listen`: connections to `127.0.0.1:port` there come out at the socket file. `connect`: the other way round.
 * `leader`: a process of that network namespace; undefined: this one's.
 */
export async function openBridge(
  leader: number | undefined,
  direction: "listen" | "connect",
  port: number,
  socket: string,
): Promise<Bridge> {
  const enter = leader === undefined ? [] : ["nsenter", `--net=/proc/${leader}/ns/net`, "--"];
  const script = join(import.meta.dirname, "net-bridge.mjs");
  const [program = "", ...args] = [...enter, process.execPath, script, direction, String(port), socket];
  // It ends when its standard input does, and so with this process.
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const words: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => words.push(chunk));
  const ended = once(child, "exit").then(() => {
    throw new Error(`no bridge to port ${port}: ${Buffer.concat(words).toString()}`);
  });
  ended.catch(() => {});
  await Promise.race([once(child.stdout, "data"), ended]);
  for (const handle of [child, child.stdin, child.stdout, child.stderr])
    (handle as { unref?(): void }).unref?.();
  return { close: () => child.stdin.end() };
}
