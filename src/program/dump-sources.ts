import type { ImageSource } from "../bundle/download/dump-context.ts";
import {
  type ConnectedRegistry,
  connectRegistry,
  touchRegistry,
} from "../bundle/registry/connect-registry.ts";
import { certificateDirectories, readText, readTlsFiles } from "../bundle/registry/read-tls-files.ts";
import type { DumpOptions } from "../cli/dump-commands.ts";
import type { LoginGiven } from "../cli/find-login.ts";
import type { DumpWish } from "../cli/read-dump-options.ts";
import { loginFinder } from "./connect-push.ts";

interface Opened {
  readonly registry: ConnectedRegistry;
  readonly source: ImageSource;
  /** Rejects with RegistryError. */
  readonly isReachable: Promise<void>;
}

/** A connection for each host, made when the first image of it is asked for. */
export function createSources(wish: DumpWish, options: DumpOptions, login: LoginGiven, signal: AbortSignal) {
  const { root, cacert = [], certDir, insecure = false, plainHttp = false, dockerConfig } = options;
  const opened = new Map<string, Opened>();
  let cas: readonly string[] | undefined;
  // Once for all registries: what a pipe has can be read once only.
  const readCas = (): readonly string[] => {
    cas ??= cacert.map(readText);
    return cas;
  };
  const open = (namespace: string) => {
    const { from } = wish;
    const host = from?.host ?? namespace;
    const protocol = from?.protocol ?? (plainHttp ? "http:" : "https:");
    const loginFor = loginFinder(login, host, dockerConfig);
    const registry = connectRegistry({
      // Docker's hub answers under another name than its images have.
      url: new URL(`${protocol}//${host === "docker.io" ? "registry-1.docker.io" : host}`),
      tls: readTlsFiles({
        cas: readCas(),
        directories: certDir === undefined ? certificateDirectories(host, root) : [certDir],
        skipVerify: insecure,
      }),
      loginFor,
      environment: process.env,
      root,
      now: Date.now,
      signal,
    });
    const repositoryOf = (repository: string): string =>
      from === undefined || from.namespace === "" ? repository : `${from.namespace}/${repository}`;
    const source = { host, link: registry.link, ways: { listsThem: undefined }, repositoryOf };
    // A wrong name or CA shows at once: only what was well before is worth trying again.
    const isReachable = touchRegistry(registry.link, async () => {
      const shown = await loginFor("");
      // A token that somebody else was given may be good for some repositories alone.
      return shown !== undefined && shown.kind !== "registry-token";
    });
    isReachable.catch(() => {});
    return { registry, source, isReachable };
  };
  return {
    async sourceFor(namespace: string): Promise<ImageSource> {
      const key = wish.from?.host ?? namespace;
      const found = opened.get(key) ?? open(namespace);
      opened.set(key, found);
      await found.isReachable;
      return found.source;
    },
    close() {
      for (const { registry } of opened.values()) registry.close();
    },
  };
}
