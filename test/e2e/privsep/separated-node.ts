import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { chmod, chown, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createHelperClient } from "../../../src/host/helper/helper-client.ts";
import type { LabContainerd } from "../../support/containerd.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";
import { type LabAgent, startAgent } from "../support/lab-agent.ts";
import { type LabNode, type LabNodeOptions, prepareNode } from "../support/lab-node.ts";
import { mirrorletEnvironment, mirrorletProgram } from "../support/mirrorlet.ts";

/** A user that owns nothing else on this machine. */
export const agentUser = { uid: 64_000, gid: 64_000 } as const;

/** Why it cannot run here; for the `skip` option of a test. */
export const privsepSkipReason = process.getuid?.() === 0 ? false : "needs root, to become another user";

export interface SeparatedNode extends LabNode {
  readonly helperSocket: string;
  readonly helperState: string;
  startHelper(environment?: Readonly<Record<string, string>>): Promise<LabHelper>;
  /** The agent, as a user without any right. */
  startSeparatedAgent(): Promise<LabAgent>;
  /** Sends lines to the helper as that user, each on a connection of its own; what it answered, "" for nothing. */
  speakAsAgent(lines: readonly string[]): Promise<readonly string[]>;
}

export interface LabHelper {
  pid(): number;
  /** SIGKILL; it is started again at once, as systemd would at the next request. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** How often it was started. */
  starts(): number;
}

/** A node whose agent is not root. The lab's folders are root's alone, and have to let that user pass. */
export async function prepareSeparatedNode(
  daemon: LabContainerd,
  options: LabNodeOptions = {},
): Promise<SeparatedNode> {
  const binary = join(daemon.dir, "containerd-binary");
  if (!existsSync(binary)) copyFileSync(daemon.binary, binary);
  await chmod(binary, 0o755);
  await chmod(daemon.dir, 0o755);
  const node = await prepareNode(
    { ...daemon, binary },
    {
      ...options,
      settings: { helper: '"/to/be/set"', helper_state: '"/to/be/set-state"', ...options.settings },
    },
  );
  const helperSocket = join(node.dir, "helper.sock");
  const text = await readFile(node.agentToml, "utf8");
  const helperState = join(node.dir, "helper-state");
  await writeFile(
    node.agentToml,
    text.replace("/to/be/set-state", helperState).replace("/to/be/set", helperSocket),
  );
  await chmod(node.dir, 0o755);
  await mkdir(node.stateDir, { mode: 0o700 });
  await chown(node.stateDir, agentUser.uid, agentUser.gid);

  await mkdir(helperState, { mode: 0o700 });
  const pidFile = (name: string) => join(daemon.dir, "pids", `${name}-${node.dir.slice(-6)}`);
  return {
    ...node,
    helperSocket,
    helperState,
    startHelper: (environment = {}) => startHelper(node, helperSocket, pidFile("helper"), environment),
    startSeparatedAgent: async () => {
      // The address of an agent before it would be taken for this one's.
      await rm(join(node.dir, "agent.log"), { force: true });
      return startAgent({ ...node, pidFile: pidFile("agent"), user: agentUser });
    },
    speakAsAgent: (lines) => speakAs(helperSocket, lines),
  };
}

async function startHelper(
  node: LabNode,
  socket: string,
  pidFile: string,
  environment: Readonly<Record<string, string>>,
): Promise<LabHelper> {
  const log = await open(join(node.dir, "helper.log"), "a");
  const [program, ...first] = mirrorletProgram("helper");
  const args = [...first, "--config", node.agentToml, "--socket", socket];
  let child: ChildProcess;
  let isOver = false;
  let starts = 0;
  const start = async (): Promise<void> => {
    starts++;
    child = spawn(program, [...args, "--group", String(agentUser.gid), "--idle", "0"], {
      cwd: "/",
      env: { ...mirrorletEnvironment, ...environment },
      stdio: ["ignore", log.fd, log.fd],
    });
    await writeFile(pidFile, `${child.pid}\n`);
    child.once("exit", () => void (isOver ? undefined : start()));
    await answering();
  };
  const answering = async (): Promise<void> => {
    const ask = createHelperClient(socket);
    for (let tries = 0; tries < WAIT_LIMIT_MS / 25; tries++) {
      if (
        await ask("instance").then(
          () => true,
          () => false,
        )
      )
        return;
      await sleep(25);
    }
    throw new Error(`the helper does not answer: ${readFileSync(join(node.dir, "helper.log"), "utf8")}`);
  };
  await start();
  return {
    pid: () => child.pid ?? 0,
    starts: () => starts,
    async kill() {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      await answering();
    },
    async stop() {
      if (isOver) return;
      isOver = true;
      const gone = once(child, "exit");
      if (child.exitCode === null && child.signalCode === null && child.kill("SIGTERM")) await gone;
      await log.close();
    },
  };
}

const speaker = `
const { connect } = require("node:net");
const [path] = process.argv.slice(1);
const lines = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
(async () => {
  const answers = [];
  for (const line of lines) answers.push(await new Promise((resolve) => {
    let got = "";
    const socket = connect({ path, allowHalfOpen: true });
    const timer = setTimeout(() => socket.destroy(), 20000);
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text) => { got += text; });
    socket.on("end", () => socket.destroy()).on("close", () => { clearTimeout(timer); resolve(got); });
    socket.write(Buffer.from(line, "latin1"));
  }));
  console.log(JSON.stringify(answers));
})();
`;

async function speakAs(socket: string, lines: readonly string[]): Promise<readonly string[]> {
  const child = spawn(process.execPath, ["-e", speaker, socket], {
    ...agentUser,
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stdin.end(JSON.stringify(lines));
  await once(child, "close");
  return JSON.parse(output) as readonly string[];
}
