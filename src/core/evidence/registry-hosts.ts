import { defaultHost } from "../containerd/default-upstream.ts";
import type { WatchedRegistry } from "./evidence-report.ts";

/** host:port of a mirror's URL, the default port left out, as requests tell it. */
export function mirrorHost(url: string): string {
  const [, scheme = "", host = url] = /^([a-z]+):\/\/([^/?#]+)/.exec(url) ?? [];
  return host.replace(scheme === "http" ? /:80$/ : /:443$/, "");
}

/** The registry that a namespace stands for; undefined for `*`, which stands for many. */
export function upstreamHost({ namespace }: Pick<WatchedRegistry, "namespace">): string | undefined {
  return namespace === "*" ? undefined : defaultHost(namespace).replace(/:443$/, "");
}

/** Where pulls of an image's namespace go when no mirror serves them, for people. */
export function fallbackTarget(watched: WatchedRegistry | undefined, namespace: string): string {
  return watched?.upstream === "never" ? "nowhere" : defaultHost(namespace);
}
