import { spawn } from "node:child_process";
import type { Log } from "../agent/ports.ts";

/** Tells the service manager how the agent is; does nothing when no service manager asked to be told. */
export interface ServiceNotifier {
  /** Start-up is complete: other units may follow. */
  ready(): Promise<void>;
  /** One line for `systemctl status`. */
  status(text: string): Promise<void>;
  /** The end has begun; the watchdog is fed on, for a pass under way may take its time. */
  stopping(): Promise<void>;
  /** Ends the watchdog; resolves when everything is sent. */
  close(): Promise<void>;
}

/**
 * Speaks sd_notify(3), and keeps the unit's watchdog fed for as long as the event loop turns and `isAlive` resolves
 * with true, which it does once the agent's other threads have answered and unless its work stands still.
 *
 * Node has no unix datagram sockets, so each message is a short-lived `systemd-notify`. Where that may not speak
 * in our name (it needs CAP_SYS_ADMIN for it) the unit must have `NotifyAccess=all`, or systemd drops the message.
 * Never rejects: a lost message costs a status line, or in the case of the watchdog a restart of the agent.
 */
export function createServiceNotifier(
  env: NodeJS.ProcessEnv,
  log: Log,
  isAlive: () => Promise<boolean>,
): ServiceNotifier {
  const socket = env["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return silent;
  const send = createSender(socket, env["PATH"], log);
  const watchdog = startWatchdog(env, send, isAlive);
  return {
    ready: () => send("READY=1"),
    status: (text) => send(`STATUS=${text.replace(/\s+/g, " ").slice(0, 500)}`),
    stopping: () => send("STOPPING=1"),
    close: () => {
      clearInterval(watchdog);
      return send.idle();
    },
  };
}

const silent: ServiceNotifier = {
  ready: () => Promise.resolve(),
  status: () => Promise.resolve(),
  stopping: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** Bound for one message: a service manager that does not answer must not hold up the agent. */
const sendTimeoutMs = 5000;

interface Send {
  (message: string): Promise<void>;
  /** Resolves when nothing is waiting to be sent. */
  idle(): Promise<void>;
}

/** One message at a time and in order: READY must not overtake what was sent before it. */
function createSender(socket: string, path: string | undefined, log: Log): Send {
  let last = Promise.resolve();
  let complained = false;
  const send = (message: string) => {
    last = last.then(async () => {
      // It throws where there is no memory for another process.
      const error = await runSystemdNotify(message, socket, path).catch(({ message }: Error) => message);
      if (error === undefined || complained) return;
      complained = true;
      log.warn({ error }, "the service manager cannot be told how the agent is (systemd-notify failed)");
    });
    return last;
  };
  return Object.assign(send, { idle: () => last });
}

function runSystemdNotify(message: string, socket: string, path: string | undefined) {
  return new Promise<string | undefined>((resolve) => {
    const child = spawn("systemd-notify", [message], {
      env: { NOTIFY_SOCKET: socket, ...(path === undefined ? {} : { PATH: path }) },
      stdio: "ignore",
      timeout: sendTimeoutMs,
      killSignal: "SIGKILL",
    });
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) =>
      resolve(code === 0 ? undefined : `it ended with ${signal ?? `exit code ${code}`}`),
    );
  });
}

/** Twice as often as asked for, as sd_watchdog_enabled(3) advises. */
function startWatchdog(
  env: NodeJS.ProcessEnv,
  send: Send,
  isAlive: () => Promise<boolean>,
): NodeJS.Timeout | undefined {
  const pid = env["WATCHDOG_PID"];
  const intervalMs = Number(env["WATCHDOG_USEC"]) / 2000;
  if (!(intervalMs >= 1) || (pid !== undefined && Number(pid) !== process.pid)) return undefined;
  let sending = false;
  return setInterval(async () => {
    if (sending) return;
    sending = true;
    if (await isAlive()) await send("WATCHDOG=1");
    sending = false;
  }, intervalMs).unref();
}
