import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { labPart } from "./lab-parts.ts";
import { leaseDirectory } from "./leased-directory.ts";
import { tokenIssuerName, tokenService } from "./token-issuer.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

export type DockerRegistryAuth =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "token"; readonly realm: string; readonly trusted: string };

export interface DockerRegistry {
  readonly url: string;
  /** docker-registry reads the file again when its time has changed. */
  setHtpasswd(username: string, password: string): Promise<void>;
  /** The requests it answered, in its own words: lines in Apache's combined format. */
  accessLog(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** `storage`: a folder for its blobs, instead of one of its own. `urls`: those that layers may have, as patterns. */
export async function startDockerRegistry(
  auth: DockerRegistryAuth,
  storage?: string,
  urls?: readonly string[],
): Promise<DockerRegistry> {
  const bin = await labPart("docker-registry");
  const lease = await leaseDirectory("registry");
  const within = (name: string): string => join(lease.path, name);
  const setHtpasswd = async (username: string, password: string): Promise<void> =>
    writeFile(within("htpasswd"), `${username}:${await bcrypt(password)}\n`);
  try {
    if (auth.kind === "basic") await setHtpasswd(auth.username, auth.password);
    if (auth.kind === "token") await writeFile(within("trusted.pem"), auth.trusted);
    await writeFile(within("config.yml"), configFor(lease.path, auth, storage, urls));
    const log = await open(within("log"), "a");
    const start = 'echo $$ >"$1/pids/registry"; exec "$2" serve "$1/config.yml"';
    const child = spawn("/bin/sh", ["-c", start, "lab", lease.path, join(bin, "docker-registry")], {
      cwd: "/",
      detached: true,
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", log.fd, log.fd],
    });
    child.unref();
    await log.close();
    return {
      url: await waitForAddress(within("log")),
      setHtpasswd,
      accessLog: async () => (await readFile(within("log"), "utf8")).split("\n").filter(isAccess),
      stop: () => lease.release(),
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Its other lines are logfmt and begin with `time=`. */
function isAccess(line: string): boolean {
  return /^127\.0\.0\.1 .*\] "[A-Z]+ /.test(line);
}

function configFor(
  dir: string,
  auth: DockerRegistryAuth,
  storage = join(dir, "storage"),
  urls?: readonly string[],
): string {
  const config = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0", secret: "lab", relativeurls: true },
    ...(urls === undefined ? {} : { validation: { manifests: { urls: { allow: urls } } } }),
    ...(auth.kind === "basic" ? { auth: { htpasswd: { realm: "lab", path: join(dir, "htpasswd") } } } : {}),
    ...(auth.kind === "token"
      ? {
          auth: {
            token: {
              realm: auth.realm,
              service: tokenService,
              issuer: tokenIssuerName,
              rootcertbundle: join(dir, "trusted.pem"),
            },
          },
        }
      : {}),
  };
  return JSON.stringify(config); // which is YAML too
}

async function waitForAddress(logPath: string): Promise<string> {
  for (let attempt = 0; attempt < WAIT_LIMIT_MS / 20; attempt++) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(await readFile(logPath, "utf8"))?.[1];
    if (address !== undefined) return `http://${address}`;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`docker-registry does not listen; its log: ${await readFile(logPath, "utf8")}`);
}

/** The only hash docker-registry takes; made by the C library, through perl, which every Debian has. */
async function bcrypt(password: string): Promise<string> {
  const salt = randomBytes(22).reduce(
    (text, byte) => text + "abcdefghijklmnopqrstuvwxyzABCDEF"[byte % 32],
    "",
  );
  const program = "print crypt($ARGV[0], $ARGV[1])";
  const { stdout } = await promisify(execFile)("perl", ["-e", program, password, `$2b$04$${salt}`]);
  if (!stdout.startsWith("$2b$")) throw new Error("crypt() of this machine does not know bcrypt");
  return stdout;
}
