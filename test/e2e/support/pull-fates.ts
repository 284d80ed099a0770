import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import type { PullPath } from "../../../src/core/evidence/pull.ts";
import type { LabContainerd } from "../../support/containerd.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import type { RecordedRequest } from "../../support/recorded-request.ts";
import {
  type Behaviour,
  type ScriptedRegistry,
  startScriptedRegistry,
} from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";
import { type LabUpstream, startUpstream } from "../../support/upstream.ts";

/** What becomes of a pull, and what those who are asked do about it. */
export interface Fate {
  readonly name: string;
  readonly namespace: string;
  readonly path: PullPath;
  readonly isMissingImage?: boolean;
  readonly isPulledTwice?: boolean;
  readonly byDigest?: boolean;
  /** Who does not have the image. */
  readonly missingIn?: readonly ("mirror" | "upstream")[];
  /** What they do with requests for this image; the first rule that fits counts. */
  readonly mirror?: (site: FateHosts, image: LabImage) => readonly FateRule[];
  readonly upstream?: (site: FateHosts, image: LabImage) => readonly FateRule[];
}

interface FateRule {
  readonly method?: string;
  /** Begin of the path after the repository: `blobs/`. */
  readonly object?: string;
  readonly times?: number;
  readonly does: Behaviour;
}

interface FateHosts {
  readonly mirrorUrl: string;
}

const storage = "storage.example";

const status = (code: number, headers: Readonly<Record<string, string>> = {}): Behaviour => ({
  kind: "status",
  status: code,
  headers,
});
const always = (code: number) => () => [{ does: status(code) }];
const challenge = (text: string): Behaviour => status(401, { "www-authenticate": text });
const redirect =
  (folder: string) =>
  (_site: FateHosts, { blobs }: LabImage) =>
    blobs.map(({ digest }) => ({
      object: `blobs/${digest}`,
      does: status(307, {
        location: `https://user:secret@${storage}/${folder}/blobs/${digest}?signature=secret`,
      }),
    }));
const zeros: Behaviour = { kind: "body", change: (bytes) => new Uint8Array(bytes.length) };

export const fates: readonly Fate[] = [
  { name: "served", namespace: "gcr.io", path: "mirror" },
  { name: "served-again", namespace: "gcr.io", path: "mirror", isPulledTwice: true },
  { name: "served-by-digest", namespace: "gcr.io", path: "mirror", byDigest: true },
  {
    name: "no-layer",
    namespace: "gcr.io",
    path: "mixed",
    mirror: () => [{ object: "blobs/", does: status(404) }],
  },
  { name: "answers-404", namespace: "gcr.io", path: "upstream", missingIn: ["mirror"] },
  { name: "answers-401", namespace: "gcr.io", path: "upstream", mirror: always(401) },
  {
    name: "wants-basic",
    namespace: "gcr.io",
    path: "upstream",
    mirror: () => [{ does: challenge('Basic realm="lab"') }],
  },
  {
    name: "wants-token",
    namespace: "gcr.io",
    path: "mirror",
    mirror: ({ mirrorUrl }) => [
      { times: 1, does: challenge(`Bearer realm="${mirrorUrl}/token",service="lab"`) },
    ],
  },
  {
    name: "gives-no-token",
    namespace: "gcr.io",
    path: "upstream",
    mirror: ({ mirrorUrl }) => [{ does: challenge(`Bearer realm="${mirrorUrl}/no-token",service="lab"`) }],
  },
  {
    name: "upstream-wants-token",
    namespace: "gcr.io",
    path: "upstream",
    missingIn: ["mirror"],
    upstream: () => [{ times: 1, does: challenge('Bearer realm="https://gcr.io/token",service="lab"') }],
  },
  { name: "answers-403", namespace: "gcr.io", path: "upstream", mirror: always(403) },
  { name: "answers-408", namespace: "gcr.io", path: "upstream", mirror: always(408) },
  { name: "answers-429", namespace: "gcr.io", path: "upstream", mirror: always(429) },
  { name: "answers-500", namespace: "gcr.io", path: "upstream", mirror: always(500) },
  {
    name: "head-405",
    namespace: "gcr.io",
    path: "mirror",
    mirror: () => [{ method: "HEAD", does: status(405) }],
  },
  { name: "resets", namespace: "gcr.io", path: "upstream", mirror: () => [{ does: { kind: "reset" } }] },
  { name: "redirects", namespace: "gcr.io", path: "mirror", mirror: redirect("files") },
  { name: "redirects-to-nothing", namespace: "gcr.io", path: "mixed", mirror: redirect("gone") },
  {
    name: "missing",
    namespace: "gcr.io",
    path: "failed",
    isMissingImage: true,
    missingIn: ["mirror", "upstream"],
  },
  { name: "all-fail", namespace: "gcr.io", path: "failed", mirror: always(500), upstream: always(403) },
  {
    name: "wrong-bytes",
    namespace: "gcr.io",
    path: "failed",
    mirror: () => [{ object: "blobs/", does: zeros }],
  },
  { name: "refuses", namespace: "refused.example", path: "upstream" },
  { name: "second-mirror", namespace: "two.example", path: "mirror", missingIn: ["mirror"] },
  { name: "never", namespace: "never.example", path: "mirror" },
  {
    name: "never-missing",
    namespace: "never.example",
    path: "failed",
    isMissingImage: true,
    missingIn: ["mirror"],
  },
  {
    name: "witnessed",
    namespace: "witness.example",
    path: "failed",
    isMissingImage: true,
    missingIn: ["mirror"],
  },
  { name: "not-watched", namespace: "plain.example", path: "upstream" },
];

export interface FatedPull {
  readonly fate: Fate;
  readonly reference: string;
  readonly repository: string;
  readonly ok: boolean;
}

/** A mirror, a second one, upstreams behind a proxy, a storage that is redirected to, and a stand-in for the witness. */
export interface FateSite {
  readonly upstream: LabUpstream;
  readonly mirrorHost: string;
  readonly witnessHost: string;
  readonly watched: readonly WatchedRegistry[];
  /** Writes the hosts.toml files. */
  prepare(daemon: LabContainerd): Promise<void>;
  /** Brings all fates about, one after the other, with images below a path of their own. */
  pullAll(daemon: LabContainerd, below: string): Promise<readonly FatedPull[]>;
  /** What containerd asked of everybody, as `host METHOD kind/object status`, status 0 where none was given. */
  accessLog(): readonly string[];
  clearAccessLog(): void;
  stop(): Promise<void>;
}

const namespaces = [
  "gcr.io",
  "refused.example",
  "two.example",
  "never.example",
  "witness.example",
  "plain.example",
];
/** Where nobody listens. */
export const refusingHost = "127.0.0.1:1";

export async function startFateSite(): Promise<FateSite> {
  const ca = await createCa();
  const tls = await ca.issueServer({ hosts: [...namespaces, storage, "127.0.0.1"] });
  const [mirror, second] = [
    await startScriptedRegistry({ closesOnGarbage: true }),
    await startScriptedRegistry(),
  ];
  const [origin, files, witness] = await Promise.all([1, 2, 3].map(() => startScriptedRegistry({ tls })));
  if (origin === undefined || files === undefined || witness === undefined) throw new Error("unreachable");
  const routes = [...namespaces.map((name) => [name, origin.host]), [storage, files.host]];
  const upstream = await startUpstream(ca, Object.fromEntries(routes));
  const all = [mirror, second, origin, files, witness];
  const mirrors: Readonly<Record<string, readonly string[]>> = {
    "gcr.io": [mirror.url],
    "refused.example": [`http://${refusingHost}`],
    "two.example": [mirror.url, `${second.url}/v2/prefix`],
    "never.example": [mirror.url],
    "witness.example": [mirror.url],
  };
  return {
    upstream,
    mirrorHost: mirror.host,
    witnessHost: witness.host,
    watched: Object.entries(mirrors).map(([namespace, urls]) => ({
      namespace,
      mirrors: urls,
      upstream: "allow",
    })),
    async prepare({ certsD }) {
      for (const [namespace, urls] of Object.entries(mirrors)) {
        const server = serverOf(namespace, mirror, witness);
        await mkdir(join(certsD, namespace), { recursive: true });
        await writeFile(join(certsD, namespace, "ca.pem"), ca.cert);
        await writeFile(join(certsD, namespace, "hosts.toml"), `${server}${urls.map(hostTable).join("")}`);
      }
    },
    async pullAll(daemon, below) {
      const planned = fates.map((fate) => plan(fate, `${below}/${fate.name}`));
      for (const { fate, repository, image } of planned) {
        if (!fate.missingIn?.includes("mirror")) mirror.put(repository, "1.0", image);
        if (!fate.missingIn?.includes("upstream")) origin.put(repository, "1.0", image);
        second.put(repository, "1.0", image);
        if (fate.name === "redirects") files.put(repository, "1.0", image);
      }
      const hosts = { mirrorUrl: mirror.url };
      mirror.script(...tokenRules, ...planned.flatMap((each) => scriptOf(each, each.fate.mirror, hosts)));
      origin.script(...tokenRules, ...planned.flatMap((each) => scriptOf(each, each.fate.upstream, hosts)));
      const pulled: FatedPull[] = [];
      for (const { fate, repository, reference } of planned)
        for (let time = 0; time < (fate.isPulledTwice ? 2 : 1); time++)
          pulled.push({ fate, repository, reference, ok: (await daemon.pull(reference)).ok });
      return pulled;
    },
    accessLog: () => all.flatMap((registry) => registry.requests().filter(isContainerds).map(logLine)),
    clearAccessLog: () => {
      for (const registry of all) registry.clearRequests();
    },
    async stop() {
      await upstream.stop();
      await Promise.all(all.map((registry) => registry.stop()));
    },
  };
}

function serverOf(namespace: string, mirror: ScriptedRegistry, witness: ScriptedRegistry): string {
  if (namespace === "never.example") return `server = "${mirror.url}"\n`;
  if (namespace !== "witness.example") return `server = "https://${namespace}"\n`;
  return `server = "https://${witness.host}/witness"\nca = "ca.pem"\noverride_path = true\n`;
}

function hostTable(url: string): string {
  const path = url.includes("/v2/") ? "override_path = true\n" : "";
  return `[host."${url}"]\ncapabilities = ["pull", "resolve"]\n${path}`;
}

interface Planned {
  readonly fate: Fate;
  readonly repository: string;
  readonly reference: string;
  readonly image: LabImage;
}

function plan(fate: Fate, repository: string): Planned {
  const image = buildImage({ layers: 2 });
  const target = fate.byDigest ? `@${image.digest}` : ":1.0";
  return { fate, repository, image, reference: `${fate.namespace}/${repository}${target}` };
}

const tokenRules = [
  {
    path: /^\/token$/,
    does: {
      kind: "status",
      status: 200,
      body: '{"token":"lab-token"}',
      headers: { "content-type": "application/json" },
    },
  },
  { path: /^\/no-token$/, does: { kind: "status", status: 403 } },
] as const;

function scriptOf({ repository, image }: Planned, rules: Fate["mirror"], hosts: FateHosts) {
  return (rules?.(hosts, image) ?? []).map(({ object = "", ...rule }) => ({
    ...rule,
    path: new RegExp(`/${repository.replaceAll(".", "\\.")}/${object}`),
  }));
}

/** The agent asks mirrors, too. containerd 1.x asks for tokens in nobody's name. */
function isContainerds({ userAgent }: RecordedRequest): boolean {
  return !userAgent.startsWith("mirrorlet");
}

function logLine({ headers, method, path, status }: RecordedRequest): string {
  const object = /\/(manifests|blobs)\/([^/]+)$/.exec(path);
  const what = object === null ? "token" : `${object[1]?.slice(0, -1)}/${object[2]}`;
  return `${headers["host"]} ${method} ${what} ${status}`;
}
