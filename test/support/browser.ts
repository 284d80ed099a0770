import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** A headless Chromium, spoken to through a pipe: https://chromedevtools.github.io/devtools-protocol/ */
export interface Browser {
  /** Opens a page at a size, light or dark, and runs `look` on it. */
  visit<T>(view: View, look: (page: Page) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface View {
  readonly url: string;
  readonly width: number;
  readonly scheme: "light" | "dark";
}

export interface Page {
  /** The value of an expression, by JSON. */
  evaluate<T>(expression: string): Promise<T>;
  /** What the page was not allowed to do, and other complaints of the browser. */
  readonly complaints: readonly string[];
  /** The whole page as PNG. */
  screenshot(): Promise<Buffer>;
}

/** Why there is no browser, for the `skip` option of a test; undefined when there is one. */
export function browserSkipReason(): string | undefined {
  return spawnSync("chromium", ["--version"]).status === 0
    ? undefined
    : "chromium is not installed (Debian package chromium)";
}

/** Nothing leaves the machine: no background networking, no component updates, no profile that is kept. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-pipe",
];

export async function startBrowser(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "mirrorlet-chromium-"));
  const child = spawn("chromium", [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const send = connect(child);
  return {
    visit: (view, look) => visit(send, view, look),
    async close() {
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await send("Browser.close").catch(() => {});
      await ended;
      clearTimeout(timer);
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

type Params = Readonly<Record<string, unknown>>;
interface Send {
  <T = Params>(method: string, params?: Params, sessionId?: string): Promise<T>;
  listeners: Set<(event: { method: string; params: Params; sessionId?: string }) => void>;
}

/** Messages are JSON, each ended by a zero byte. */
function connect(child: ChildProcess): Send {
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  const listeners: Send["listeners"] = new Set();
  let text = "";
  output.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (text + chunk).split("\0");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const { id, result, error, ...event } = JSON.parse(part);
      if (id === undefined) for (const listener of listeners) listener(event);
      else if (error === undefined) waiting.get(id)?.resolve(result as never);
      else waiting.get(id)?.reject(new Error(error.message));
      waiting.delete(id);
    }
  });
  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  input.on("error", fail);
  child.once("error", fail);
  child.once("exit", () => fail(new Error("chromium has ended")));
  let last = 0;
  const send = (method: string, params: Params = {}, sessionId?: string) =>
    new Promise<never>((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  return Object.assign(send, { listeners }) as Send;
}

async function visit<T>(send: Send, view: View, look: (page: Page) => Promise<T>): Promise<T> {
  const { targetId } = await send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send<{ sessionId: string }>("Target.attachToTarget", {
    targetId,
    flatten: true,
  });
  const complaints: string[] = [];
  let loaded = () => {};
  const isLoaded = new Promise<void>((resolve) => {
    loaded = resolve;
  });
  const listen = ({
    method,
    params,
    sessionId: from,
  }: {
    method: string;
    params: Params;
    sessionId?: string;
  }) => {
    if (from !== sessionId) return;
    if (method === "Page.loadEventFired") loaded();
    if (method === "Log.entryAdded") complaints.push((params["entry"] as { text: string }).text);
    if (method === "Runtime.consoleAPICalled") complaints.push(JSON.stringify(params["args"]));
  };
  send.listeners.add(listen);
  const ask = <R>(method: string, params: Params = {}) => send<R>(method, params, sessionId);
  try {
    const size = { width: view.width, height: 900, deviceScaleFactor: 1, mobile: view.width < 600 };
    await ask("Emulation.setDeviceMetricsOverride", size);
    await ask("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: view.scheme }],
    });
    for (const domain of ["Page", "Log", "Runtime"]) await ask(`${domain}.enable`);
    await ask("Page.navigate", { url: view.url });
    await Promise.race([isLoaded, after(20_000, `${view.url} does not load`)]);
    return await look({
      complaints,
      async evaluate(expression) {
        const params = { expression, returnByValue: true, awaitPromise: true };
        const { result } = await ask<{ result: { value: never } }>("Runtime.evaluate", params);
        return result.value;
      },
      async screenshot() {
        const params = { format: "png", captureBeyondViewport: true };
        const { data } = await ask<{ data: string }>("Page.captureScreenshot", params);
        return Buffer.from(data, "base64");
      },
    });
  } finally {
    send.listeners.delete(listen);
    await send("Target.closeTarget", { targetId });
  }
}

function after(ms: number, message: string): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(message)), ms).unref());
}
