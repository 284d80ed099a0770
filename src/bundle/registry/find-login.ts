import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type DockerLogins, type PushLogin, readDockerLogins } from "../../core/bundle/push/docker-logins.ts";
import type { Environment } from "../../core/choose-proxy.ts";
import { type HelperResult, runCredentialHelper } from "./run-credential-helper.ts";

/** A login is kept somewhere and cannot be had. The message holds no secret. */
export class LoginError extends Error {
  override readonly name = "LoginError";
}

/** `refused`: the login that was had before, which is not taken any more; where it is kept as such, it is had again. */
export type FindLogin = (repository: string, refused?: PushLogin) => Promise<PushLogin | undefined>;

export interface LoginStores {
  /** The files of docker and podman, in the order in which they are asked. */
  readonly files: readonly string[];
  readonly run?: (helper: string, server: string) => Promise<HelperResult>;
}

/** Where docker and podman keep logins; `explicit`: a file, or a folder with a config.json, and then no other. */
export function loginFiles(explicit: string | undefined, environment: Environment): readonly string[] {
  if (explicit !== undefined)
    return [
      statSync(explicit, { throwIfNoEntry: false })?.isDirectory() ? join(explicit, "config.json") : explicit,
    ];
  const { HOME = "/root", DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME } = environment;
  return [
    ...(REGISTRY_AUTH_FILE === undefined ? [] : [REGISTRY_AUTH_FILE]),
    join(DOCKER_CONFIG ?? join(HOME, ".docker"), "config.json"),
    ...(XDG_RUNTIME_DIR === undefined ? [] : [join(XDG_RUNTIME_DIR, "containers/auth.json")]),
    join(XDG_CONFIG_HOME ?? join(HOME, ".config"), "containers/auth.json"),
  ].filter((path) => existsSync(path));
}

/**
 * The login for a repository of `host`: of the first file that has one. Each helper is run once for a server, and once
 * more for each of its logins that was refused. Throws LoginError for files that cannot be read.
 */
export function createLoginFinder(
  { files, run = runCredentialHelper }: LoginStores,
  host: string,
): FindLogin {
  const stores = files.map((path) => ({ path, logins: readFile(path) }));
  const answers = new Map<string, Promise<HelperResult>>();
  const askHelper = (helper: string, server: string): Promise<HelperResult> => {
    const key = `${helper} ${server}`;
    const answer = answers.get(key) ?? run(helper, server);
    answers.set(key, answer);
    return answer;
  };
  return async (repository, refused) => {
    for (const { path, logins } of stores) {
      const place = logins.find(host, repository);
      if (place.kind === "broken") throw new LoginError(`${path}, login for ${host}: ${place.reason}`);
      if (place.kind === "here") return place.login;
      if (place.kind === "none") continue;
      let answer = await askHelper(place.helper, place.server);
      if (answer.ok && refused !== undefined && answer.login === refused) {
        answers.delete(`${place.helper} ${place.server}`);
        answer = await askHelper(place.helper, place.server);
      }
      if (!answer.ok) throw new LoginError(answer.message);
      if (answer.login !== undefined) return answer.login;
    }
    return undefined;
  };
}

/** Of what is below a namespace of `host`, the paths that have logins of their own. Throws as a finder's making does. */
export function pathsWithLogins(
  { files }: Pick<LoginStores, "files">,
  host: string,
  namespace: string,
): readonly string[] {
  return [...new Set(files.flatMap((path) => readFile(path).below(host, namespace)))];
}

function readFile(path: string): DockerLogins {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new LoginError(error instanceof Error ? error.message : String(error));
  }
  const read = readDockerLogins(text);
  if (!read.ok) throw new LoginError(`${path}: ${read.reason}`);
  return read.logins;
}
