import type { ImageStore } from "../../agent/evidence/image-store.ts";
import { type Containerd, HostError, type PullResult, type UnitState } from "../../agent/ports.ts";
import type { ContainerdVersion } from "../../core/containerd/version.ts";
import type { ImageEvent } from "../../core/evidence/read-image-events.ts";
import type { AskHelper, AskOptions } from "./helper-client.ts";

/**
 * containerd by way of the root helper: everything that takes its socket, systemd or the processes of others. What
 * changes the node rejects when the helper cannot be reached, so that the pass stops and is taken up again; questions
 * are answered with "not known", so that certs.d, for which nobody has to be root, does not wait for it.
 */
export function createRemoteContainerd(ask: AskHelper, local: Containerd): Containerd {
  const get = async <T>(verb: string, args?: object, options?: AskOptions): Promise<T> =>
    (await ask(verb, args, options)) as T;
  const orElse = async <T>(asked: Promise<T>, otherwise: (error: HostError) => T): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof HostError) return otherwise(error);
      throw error;
    }
  };
  /** The socket may be in a directory that is closed to us. */
  const near = async <T>(look: () => Promise<T>, verb: string): Promise<T> => {
    try {
      return await look();
    } catch {
      return get<T>(verb);
    }
  };
  return {
    version: () => local.version(),
    dumpConfig: (path) => get("dump", { path }),
    restart: () => get("restart"),
    unitState: () => orElse(get<UnitState | undefined>("unit-state"), () => undefined),
    reloadUnits: () => get("reload-units"),
    // Held back as long as it is not known.
    unitAwaitsReload: () => orElse(get<boolean>("unit-awaits-reload"), () => true),
    // The journal is ours to read, too.
    podsInMaking: () => local.podsInMaking(),
    startedMs: () => near(() => local.startedMs(), "started-ms"),
    instance: () => near(() => local.instance(), "instance"),
    health: (signal) =>
      orElse(get("health", {}, { signal, timeoutMs: QUESTION_MS }), ({ message }) => ({
        unknown: true,
        reachable: false,
        criReady: false,
        failedPlugins: [],
        message,
      })),
    tracesEnvironment: () => orElse(get("traces-environment"), () => undefined),
    exporter: (signal) =>
      orElse(get("exporter", {}, { signal, timeoutMs: QUESTION_MS }), ({ message }) => ({
        state: "unknown",
        message,
      })),
    pullImage: (reference, timeoutMs, signal) =>
      orElse<PullResult>(
        get("pull", { reference, timeoutMs }, { signal, timeoutMs: timeoutMs + QUESTION_MS }),
        ({ code, message }) => ({ ok: false, code, message, unknown: true }),
      ),
    images: remoteImages(get, orElse),
  };
}

const QUESTION_MS = 15_000;

type Get = <T>(verb: string, args?: object, options?: AskOptions) => Promise<T>;
type OrElse = <T>(asked: Promise<T>, otherwise: (error: HostError) => T) => Promise<T>;

function remoteImages(get: Get, orElse: OrElse): ImageStore {
  return {
    records: (select, signal) => orElse(get("records", { select }, { signal }), () => undefined),
    areUsed: (names, signal) => orElse(get("are-used", { names }, { signal }), () => undefined),
    deleteRecords: (names, signal) =>
      orElse(get("delete-records", { names }, { signal }), ({ message }) => ({ ok: false, message })),
    content: (name, signal) => orElse(get("content", { name }, { signal }), () => undefined),
    watch(watcher, signal) {
      const onEvent = (told: unknown): void => {
        const { event, version } = told as { event?: ImageEvent; version?: ContainerdVersion };
        if (event === undefined) watcher.onOpen(version);
        else watcher.onEvent(event);
      };
      return orElse(get<string>("watch", {}, { signal, onEvent }), ({ message }) => message);
    },
  };
}
