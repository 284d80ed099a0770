import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabImage } from "../../../test/support/image.ts";
import { copyImage } from "../../../test/support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../../test/support/registry.ts";
import { createCa } from "../../../test/support/tls.ts";
import { shortenDigests } from "./screen.ts";

/** A registry with a private CA and Basic credentials, the image in it, and what a node needs to use it. */
export interface Mirror {
  readonly name: string;
  readonly endpoint: string;
  readonly caCertPath: string;
  readonly pullCredentialConfigPath: string;
  /** docker-registry's own access log since the last call, a line each, digests shortened. */
  newAccesses(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const NAMESPACE = "test-namespace";
/** Of the image, at its upstream. */
export const REPOSITORY = "kubernetes-e2e-test-images/nautilus";
const MIRRORED = `${NAMESPACE}/${REPOSITORY}`;

/** Where in a mirror the image is; its accesses are shown relative to this. */
export const imagePath = `/v2/${MIRRORED}/`;

export async function startMirror(name: string, image: LabImage, directory: string): Promise<Mirror> {
  const ca = await createCa(`private CA of ${name}`);
  const [username, password] = ["puller", `secret-of-${name}`];
  const registry = await startRegistry({
    tls: await ca.issueServer(),
    auth: { kind: "basic", username, password },
  });
  try {
    await copyImage(registry, MIRRORED, "1.0", image);
    const caCertPath = join(directory, `${name}-ca.crt`);
    const pullCredentialConfigPath = join(directory, `${name}-pull.json`);
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await writeFile(caCertPath, ca.cert);
    await writeFile(pullCredentialConfigPath, JSON.stringify({ auths: { [registry.host]: { auth } } }), {
      mode: 0o600,
    });
    return {
      name,
      endpoint: `${registry.url}/v2/${NAMESPACE}`,
      caCertPath,
      pullCredentialConfigPath,
      newAccesses: await followAccesses(registry),
      stop: () => registry.stop(),
    };
  } catch (error) {
    await registry.stop();
    throw error;
  }
}

async function followAccesses(registry: LabRegistry): Promise<() => Promise<readonly string[]>> {
  let seen = (await registry.accessLog()).length;
  return async () => {
    const lines = (await registry.accessLog()).slice(seen);
    seen += lines.length;
    return lines.map(shorten);
  };
}

/** From Apache's combined format: request, status and user agent. */
function shorten(line: string): string {
  const [, method = "", path = "", status = "", agent = ""] =
    /"([A-Z]+) (\S+) HTTP[^"]*" (\d+) .*"([^"]*)"$/.exec(line) ?? [];
  const short = shortenDigests(path.replace(imagePath, ""));
  return `${status} ${method.padEnd(4)} ${short.padEnd(44)} ${agent}`;
}
