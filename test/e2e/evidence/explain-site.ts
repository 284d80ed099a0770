import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabContainerd } from "../../support/containerd.ts";
import { buildImage, type ImageOptions, type LabImage } from "../../support/image.ts";
import type { RecordedRequest } from "../../support/recorded-request.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa, type LabCa } from "../../support/tls.ts";
import { startUpstream } from "../../support/upstream.ts";
import { runMirrorlet } from "../support/mirrorlet.ts";
import { type SharedDaemons, shareDaemons } from "../support/shared-daemons.ts";

/** A node whose containerd reaches `gcr.io` through its own proxy and its own trust, and a mirror beside it. */
export interface ExplainSite {
  readonly mirrorCa: LabCa;
  /** https, with a certificate of `mirrorCa`. */
  readonly mirror: ScriptedRegistry;
  /** http. */
  readonly plain: ScriptedRegistry;
  /** What stands behind the name gcr.io. */
  readonly upstream: ScriptedRegistry;
  readonly daemons: SharedDaemons;
  /** PEM files, by name. */
  readonly files: Readonly<Record<"mirrorCa", string>>;
  /** Puts a new image under a name nobody used before into all three; its reference. */
  offer(options?: ImageOptions): {
    readonly reference: string;
    readonly repository: string;
    readonly image: LabImage;
  };
  stop(): Promise<void>;
}

export async function startExplainSite(): Promise<ExplainSite> {
  const dir = await mkdtemp(join(tmpdir(), "mirrorlet-explain-"));
  const [mirrorCa, upstreamCa] = await Promise.all([createCa("mirror CA"), createCa("upstream CA")]);
  const upstream = await startScriptedRegistry({ tls: await upstreamCa.issueServer({ hosts: ["gcr.io"] }) });
  const internet = await startUpstream(upstreamCa, { "gcr.io": upstream.host });
  const mirror = await startScriptedRegistry({ tls: await mirrorCa.issueServer() });
  const plain = await startScriptedRegistry();
  const files = { mirrorCa: join(dir, "mirror-ca.crt") };
  await writeFile(files.mirrorCa, mirrorCa.cert);
  const { upstreamTrap, environment } = internet.daemonOptions;
  const daemons = shareDaemons({ upstreamTrap, environment: { ...environment, NO_PROXY: ".invalid" } });
  let count = 0;
  return {
    mirrorCa,
    mirror,
    plain,
    upstream,
    daemons,
    files,
    offer(options) {
      const image = buildImage(options);
      const repository = `team/app-${process.pid}-${count++}`;
      for (const registry of [mirror, plain, upstream]) registry.put(repository, "1", image);
      return { image, repository, reference: `gcr.io/${repository}:1` };
    },
    async stop() {
      await daemons.stop();
      await Promise.all([mirror.stop(), plain.stop(), upstream.stop(), internet.stop()]);
      await rm(dir, { recursive: true });
    },
  };
}

export async function writeHosts(daemon: LabContainerd, text: string): Promise<void> {
  await mkdir(join(daemon.certsD, "gcr.io"), { recursive: true });
  await writeFile(join(daemon.certsD, "gcr.io/hosts.toml"), text);
}

/** `explain --json`, as far as it is looked at here. */
export interface Explained {
  readonly code: number;
  readonly foreseen: { readonly from: string; readonly message: string };
  readonly hosts: readonly ExplainedHost[];
  readonly notes: readonly string[];
  /** What a person gets to see. */
  readonly text: string;
}

export interface ExplainedHost {
  readonly url: string;
  readonly role: string;
  readonly probe: {
    readonly does: string;
    readonly reached: boolean;
    readonly code?: string;
    readonly cause?: string;
    readonly consequence?: string;
    readonly fix?: string;
    readonly requests: readonly { readonly stage: string; readonly url: string; readonly tries?: number }[];
  };
}

export async function runExplain(
  daemon: LabContainerd,
  reference: string,
  ...more: string[]
): Promise<Explained> {
  const args = ["explain", "--config", await agentToml(daemon), reference, ...more];
  const json = await runMirrorlet([...args, "--json"]);
  const document = JSON.parse(json.stdout) as Omit<Explained, "code" | "text">;
  return { ...document, code: json.code, text: json.stdout };
}

export async function agentToml(daemon: LabContainerd): Promise<string> {
  const path = join(daemon.dir, "agent.toml");
  const settings = {
    config: daemon.configPath,
    certs_d: daemon.certsD,
    socket: daemon.socket,
    binary: daemon.binary,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  // Port 9 has nobody: no agent of this machine is asked.
  await writeFile(path, `[containerd]\n${lines.join("\n")}\n[http]\naddress = "127.0.0.1:9"\n`);
  return path;
}

/** Who sent the content of a pull, by the registries' own records. */
export function contentFrom(
  site: ExplainSite,
  { image }: { readonly image: LabImage },
): "mirror" | "upstream" | "mixed" | "nowhere" {
  const digests = [...image.manifests, ...image.blobs].map(({ digest }) => digest);
  const served = (registry: ScriptedRegistry): boolean =>
    byContainerd(registry.requests()).some(
      ({ method, path, status }) =>
        method === "GET" && status === 200 && digests.some((digest) => path.endsWith(digest)),
    );
  const mirror = served(site.mirror) || served(site.plain);
  const upstream = served(site.upstream);
  if (mirror && upstream) return "mixed";
  return mirror ? "mirror" : upstream ? "upstream" : "nowhere";
}

export function byContainerd(requests: readonly RecordedRequest[]): readonly RecordedRequest[] {
  return requests.filter(({ userAgent }) => userAgent.startsWith("containerd/"));
}

/** Requests as they can be compared: all that decides about the answer. Layers are fetched by pulls alone. */
export function comparable(requests: readonly RecordedRequest[], { blobs }: LabImage): readonly string[] {
  const layers = blobs.filter(({ mediaType }) => mediaType.includes(".layer.")).map(({ digest }) => digest);
  return requests
    .filter(({ path }) => !layers.some((digest) => path.endsWith(digest)))
    .map(({ method, path, query, headers, authorization = "" }) => {
      const search = new URLSearchParams(query).toString();
      return `${method} ${path}?${search} accept=${headers["accept"]} authorization=${authorization}`;
    });
}

export function clearRequests(site: ExplainSite): void {
  for (const registry of [site.mirror, site.plain, site.upstream]) registry.clearRequests();
}

export function only<T>(list: readonly T[], at = 0): T {
  const found = list[at];
  assert.ok(found !== undefined);
  return found;
}
