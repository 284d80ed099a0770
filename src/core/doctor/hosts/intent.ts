import type { Place } from "../../issue.ts";
import { isRegistryItself } from "../known-registries.ts";
import type { RootView } from "../node-view.ts";
import type { LooseHost, LooseHostsFile } from "./loose-hosts-file.ts";
import { type MeantUrl, readMeantUrl } from "./meant-url.ts";

/** What a file evidently wants for the pulls of one namespace, whether or not containerd reads it so. */
export interface Intent {
  /** `*`: every namespace without a directory of its own. */
  readonly namespace: string;
  /** In the order of trial. */
  readonly mirrors: readonly MeantHost[];
  /** The last host, where one is named. */
  readonly server?: MeantHost;
  /** The registry itself is not to be asked: `server` names something else. */
  readonly closed: boolean;
  readonly source: "hosts-file" | "legacy-mirrors";
  readonly at: Place;
  /** Directory of the file, which may be a root; the file itself for config.toml. */
  readonly directory: string;
  readonly root?: string;
  readonly standing?: RootView["standing"];
}

export interface MeantHost extends MeantUrl {
  readonly written: string;
  readonly at: Place;
}

/** Where an intent comes from. */
export type IntentSource = Pick<Intent, "directory" | "root" | "standing"> & { readonly file: string };

export function intentOf(namespace: string, loose: LooseHostsFile, source: IntentSource): Intent {
  const { file, ...where } = source;
  const toMeant = (host: LooseHost): MeantHost => ({
    ...readMeantUrl(host.written, host.overridePath),
    written: host.written,
    at: { file, line: host.line, column: host.column },
  });
  const mirrors = loose.hosts.map(toMeant);
  const server = loose.server && toMeant(loose.server);
  const top = mirrors[0]?.at ?? server?.at ?? { file, line: 1, column: 1 };
  return {
    namespace,
    mirrors,
    ...(server && { server }),
    closed: server !== undefined && server.host !== "" && !isRegistryItself(server.host, namespace),
    source: "hosts-file",
    at: top,
    ...where,
  };
}
