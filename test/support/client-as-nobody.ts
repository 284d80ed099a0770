import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** uid and gid that own nothing. */
export const nobody = 65534;

/** A process of another user that speaks TCP for a test. */
export interface ClientAsNobody {
  /** Makes a connection and sends the bytes; resolves when it is connected. */
  connect(port: number, options?: { host?: string; bytes?: string }): Promise<void>;
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
  const ask = async (request: object): Promise<void> => {
    const answered = once(answers, "line");
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const [line] = await answered;
    if (line !== "done") throw new Error(String(line));
  };
  return {
    connect: (port, { host = "127.0.0.1", bytes = "" } = {}) => ask({ host, port, bytes }),
    closeAll: () => ask({}),
    stop: () => end(child),
  };
}

const program = `
const { connect } = require("node:net");
let open = [];
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { host, port, bytes } = JSON.parse(line);
  if (host === undefined) {
    for (const socket of open) socket.destroy();
    open = [];
    return console.log("done");
  }
  const socket = connect(port, host, () => { socket.write(bytes); console.log("done"); });
  socket.on("error", () => {});
  open.push(socket);
}).on("close", () => process.exit(0));
`;

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.stdin?.end();
  if (child.exitCode === null) await ended;
}
