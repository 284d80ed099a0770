import type { ContainerdHealth } from "../agent/ports.ts";
import { parseContainerdVersion } from "../core/containerd/version.ts";
import { type Call, CallError, type CallOptions, type Connect, wordsOf } from "./cri-client.ts";

const CALL_TIMEOUT_MS = 3_000;

/** Asks the running daemon which plugins failed and whether CRI answers. Never throws. */
export async function askHealth(connect: Connect, signal: AbortSignal): Promise<ContainerdHealth> {
  const options: CallOptions = { timeoutMs: CALL_TIMEOUT_MS, signal };
  try {
    return await connect(async (call) => judge(await askAll(call, options)));
  } catch (error) {
    return { reachable: false, criReady: false, failedPlugins: [], message: wordsOf(error) };
  }
}

interface Answers {
  readonly plugins: Answer<{ readonly plugins: readonly Plugin[] }>;
  readonly version: Answer<{ readonly runtimeVersion: string }>;
  readonly status: Answer<Status>;
}

type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: CallError };

interface Plugin {
  readonly type: string;
  readonly id: string;
  readonly initErr: { readonly code: number; readonly message: string } | null;
}

interface Status {
  readonly status: { readonly conditions: readonly Condition[] } | null;
  readonly info: Readonly<Record<string, string>>;
}

interface Condition {
  readonly type: string;
  readonly status: boolean;
  readonly message: string;
}

async function askAll(call: Call, options: CallOptions): Promise<Answers> {
  const ask = async <T>(method: string, request: object): Promise<Answer<T>> => {
    try {
      return { ok: true, value: (await call(method, request, options)) as T };
    } catch (error) {
      if (error instanceof CallError) return { ok: false, error };
      throw error;
    }
  };
  const [plugins, version, status] = await Promise.all([
    ask<{ plugins: Plugin[] }>("containerd.services.introspection.v1.Introspection/Plugins", {}),
    ask<{ runtimeVersion: string }>("runtime.v1.RuntimeService/Version", {}),
    ask<Status>("runtime.v1.RuntimeService/Status", { verbose: true }),
  ]);
  return { plugins, version, status };
}

function judge({ plugins, version, status }: Answers): ContainerdHealth {
  const failedPlugins = plugins.ok ? failedIn(plugins.value.plugins) : [];
  const runtime = status.ok ? complaintOfRuntime(status.value) : undefined;
  const unanswered = [plugins, version, status].flatMap((answer) => (answer.ok ? [] : [answer.error]));
  const criConfigPath = status.ok ? configPathIn(status.value.info) : undefined;
  const running = version.ok ? parseContainerdVersion(version.value.runtimeVersion) : undefined;
  const message = unanswered[0] === undefined ? runtime : wordsOf(unanswered[0]);
  return {
    // An answer that says no is an answer.
    reachable: unanswered.length < 3 || unanswered.some((error) => !SILENT.includes(error.code)),
    criReady: version.ok && status.ok && runtime === undefined,
    failedPlugins,
    ...(criConfigPath === undefined ? {} : { criConfigPath }),
    ...(running === undefined ? {} : { version: running }),
    ...(message === undefined ? {} : { message }),
  };
}

const SILENT: readonly string[] = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"];

// CRI itself: one plugin in 1.x; images, runtime and the service in 2.x. Others fail on healthy nodes, for want of
// a kernel module or a tool, and 1.7's transfer service, which its CRI does not use, for want of a snapshotter.
const NEEDED = ["io.containerd.cri.v1", "io.containerd.grpc.v1"];

function failedIn(plugins: readonly Plugin[]): ContainerdHealth["failedPlugins"] {
  return (
    plugins
      .filter(({ type, id }) => NEEDED.includes(type) && (type !== "io.containerd.grpc.v1" || id === "cri"))
      .flatMap(({ type, id, initErr }) => (initErr === null ? [] : [{ type, id: `${type}.${id}`, initErr }]))
      .filter(({ initErr }) => !isSkip(initErr.message))
      // The cause before what only depends on it.
      .sort((a, b) => NEEDED.indexOf(a.type) - NEEDED.indexOf(b.type))
      .map(({ id, initErr }) => ({ id, message: initErr.message }))
  );
}

// A plugin that decided not to run, as disabled or not supported here.
function isSkip(message: string): boolean {
  return message.includes("skip plugin");
}

// NetworkReady is not asked: it is false until a CNI is installed, which itself takes pulls.
function complaintOfRuntime({ status }: Status): string | undefined {
  const runtime = status?.conditions.find(({ type }) => type === "RuntimeReady");
  return runtime === undefined || runtime.status ? undefined : `CRI is not ready: ${runtime.message}`;
}

// The document holds registry credentials on 1.x: only this one key leaves here.
function configPathIn(info: Readonly<Record<string, string>>): string | undefined {
  try {
    const config = JSON.parse(info["config"] ?? "{}") as { registry?: { configPath?: unknown } };
    const path = config.registry?.configPath;
    return typeof path === "string" ? path : undefined;
  } catch {
    return undefined;
  }
}
