import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";

/** An address whose packets are dropped: a connection to it is never answered. */
export interface BlackHole {
  readonly host: string;
  stop(): Promise<void>;
}

/**
 * A listener that accepts nobody, with its queue filled: Linux drops every further SYN, as a firewall would. perl,
 * because Node accepts by itself.
 */
export async function startBlackHole(): Promise<BlackHole> {
  const child = spawn("perl", ["-MIO::Socket::INET", "-e", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const port = Number(await firstLine(child));
  const queue: Socket[] = [];
  // As many as it takes until one hangs; the queue holds one more than its backlog says.
  for (let count = 0; count < 16 && (await connects(port, queue)); count++);
  return {
    host: `127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of queue) socket.destroy();
        child.once("close", () => resolve());
        child.stdin?.end();
      }),
  };
}

// Ends with its standard input, so that it never outlives the test.
const PROGRAM = `
  my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1, Proto => "tcp") or die $!;
  $| = 1; print $server->sockport, "\\n"; <STDIN>;
`;

function firstLine({ stdout }: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8")));
    stdout?.once("end", () => reject(new Error("perl printed no port")));
  });
}

function connects(port: number, queue: Socket[]): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    queue.push(socket);
    const timer = setTimeout(() => resolve(false), 300);
    socket.on("error", () => undefined);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
