import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** uid and gid that own nothing. */
export const nobody = 65534;

/** A process of another user that speaks TCP for a test. */
export interface ClientAsNobody {
  /** Makes a connection and sends the bytes; resolves when it is connected. */
  connect(port: number, options?: { host?: string; bytes?: string }): Promise<void>;
  /** Sends the bytes (latin1) on a connection of its own and returns all that came until the other side closed it. */
  exchange(port: number, bytes: string): Promise<string>;
  /** Closes every connection, with FIN. */
  closeAll(): Promise<void>;
  stop(): Promise<void>;
}

/** Why it cannot run here; for the `skip` option of a test. */
export const nobodySkipReason = process.getuid?.() === 0 ? false : "needs root, to become another user";

export async function startClientAsNobody(): Promise<ClientAsNobody> {
  const child = spawn(process.execPath, ["-e", program], {
    uid: nobody,
    gid: nobody,
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout });
  const ask = async (request: object): Promise<string> => {
    const answered = once(answers, "line");
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const [line] = (await answered) as [string];
    return JSON.parse(line) as string;
  };
  return {
    async connect(port, { host = "127.0.0.1", bytes = "" } = {}) {
      await ask({ does: "connect", host, port, bytes });
    },
    exchange: (port, bytes) => ask({ does: "exchange", host: "127.0.0.1", port, bytes }),
    async closeAll() {
      await ask({ does: "close" });
    },
    stop: () => end(child),
  };
}

const program = `
const { connect } = require("node:net");
const say = (text) => console.log(JSON.stringify(text));
let open = [];
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { does, host, port, bytes } = JSON.parse(line);
  if (does === "close") {
    for (const socket of open) socket.destroy();
    open = [];
    return say("");
  }
  const socket = connect(port, host, () => {
    socket.write(bytes, "latin1");
    if (does === "connect") say("");
  });
  socket.on("error", () => {});
  if (does === "connect") return open.push(socket);
  let got = "";
  socket.setEncoding("latin1").on("data", (text) => { got += text; }).on("close", () => say(got));
}).on("close", () => process.exit(0));
`;

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.stdin?.end();
  if (child.exitCode === null) await ended;
}
