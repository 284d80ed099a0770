import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { type BootedNode, bootNode } from "../../../test/support/booted-node.ts";
import { buildImage, type LabImage } from "../../../test/support/image.ts";
import { leaseDirectory } from "../../../test/support/leased-directory.ts";
import { startScriptedRegistry } from "../../../test/support/scripted-registry.ts";
import { createCa, type LabCa } from "../../../test/support/tls.ts";
import { startUpstream } from "../../../test/support/upstream.ts";
import { type Installed, installAgent } from "./install-agent.ts";
import { type Mirror, startMirror } from "./mirror.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";
import type { MirrorRef, World } from "./wish.ts";

/** An image that all mirrors have, and the upstream where it is open. */
export interface StageImage {
  readonly registry: string;
  /** `gcr.io/team/app0`. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** A node with the agent on it, mirrors in trouble, a steady one, and an internet. */
export interface Stage {
  readonly node: BootedNode;
  readonly installed: Installed;
  readonly socket: string;
  readonly world: World;
  readonly mirrors: readonly Mirror[];
  readonly images: readonly StageImage[];
  /** Writes CAs and credentials as they are at rest, or, with chance, as after a rotation. */
  writeSecrets(random: Random | undefined): Promise<void>;
  stop(): Promise<void>;
}

const OPEN = ["gcr.io", "quay.io", "ghcr.io", "docker.io"];
const CANARY = { registry: "gcr.io", path: "gcr-io/canary" };
const UNLISTED = "registry.k8s.io";
const CLOSED = "closed.example";
const UPSTREAM_NAMES = ["gcr.io", "quay.io", "ghcr.io", "registry-1.docker.io", UNLISTED];
/** Asks for a password. */
const GUARDED = "c";
const SECRETS = "/etc/mirrorlet/pki";

export async function setStage(containerd: "1.6" | "2.1", timeline: Timeline): Promise<Stage> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => {});
  };
  try {
    const [internetCa, mirrorCa, wrongCa] = await Promise.all(
      ["internet", "mirrors", "somebody"].map((name) => createCa(name)),
    );
    if (internetCa === undefined || mirrorCa === undefined || wrongCa === undefined) throw new Error("no CA");
    const lease = await leaseDirectory("soak");
    stops.push(() => lease.release());
    const internet = await startScriptedRegistry({
      tls: await internetCa.issueServer({ hosts: UPSTREAM_NAMES }),
    });
    stops.push(() => internet.stop());
    const routes = Object.fromEntries(UPSTREAM_NAMES.map((name) => [name, internet.host]));
    const upstream = await startUpstream(internetCa, routes);
    stops.push(() => upstream.stop());
    const proxy = upstream.daemonOptions.upstreamTrap.url;
    const node = await bootNode({
      containerd,
      environment: {
        HTTP_PROXY: proxy,
        HTTPS_PROXY: proxy,
        SSL_CERT_FILE: "/etc/lab/ca.crt",
        SSL_CERT_DIR: "/etc/lab/none",
      },
    });
    stops.push(() => node.stop());
    await node.must("mkdir -p /etc/lab && cp /etc/containerd/config.toml /etc/lab/");
    await writeFile(node.path("/etc/lab/ca.crt"), internetCa.cert);
    await node.expose(Number(new URL(proxy).port));
    const start = async (name: string, secure: boolean): Promise<Mirror> => {
      const mirror = await startMirror({
        name,
        leader: node.leader,
        directory: lease.path,
        ...(secure ? { tls: { ca: mirrorCa, wrongCa } } : {}),
        timeline,
      });
      stops.push(() => mirror.stop());
      return mirror;
    };
    const steady = await start("steady", true);
    const mirrors = [await start("a", true), await start("b", false), await start("c", true)];
    const images = makeImages([...OPEN, UNLISTED, CLOSED], (registry, repository, tag, image) => {
      for (const mirror of [steady, ...mirrors]) mirror.registry.put(repository, tag, image);
      if (registry !== CLOSED) internet.put(repository, tag, image);
    });
    // As the documentation asks for: small, and nobody else pulls it. The agent removes it after each time.
    const canary = buildImage({ layers: 1, bytesPerLayer: 64 });
    for (const each of [steady, ...mirrors]) each.registry.put(CANARY.path, "1", canary);
    internet.put(CANARY.path, "1", canary);
    const refs = mirrors.map((mirror) => refOf(mirror));
    const world: World = {
      mirrors: refs,
      steady: refOf(steady),
      closed: CLOSED,
      open: OPEN,
      canary: `${CANARY.registry}/${CANARY.path}:1`,
    };
    // What has been asked is of no interest, and would be kept.
    const forget = setInterval(() => {
      for (const { registry } of [steady, ...mirrors]) registry.clearRequests();
      internet.clearRequests();
      upstream.clearContacts();
    }, 5_000);
    stops.push(async () => clearInterval(forget));
    const installed = await installAgent(node);
    const guarded = mirrors.find(({ name }) => name === GUARDED);
    const writeSecrets = (random: Random | undefined) =>
      writeMaterial(node, mirrorCa, wrongCa, guarded?.registry.host ?? "", random);
    await writeSecrets(undefined);
    return {
      node,
      installed,
      socket: node.path("/run/containerd/containerd.sock"),
      world,
      mirrors,
      images,
      writeSecrets,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function refOf({ name, endpoint }: Mirror): MirrorRef {
  return {
    name,
    endpoint,
    ...(endpoint.startsWith("https:") ? { caPath: `${SECRETS}/${name}.crt` } : {}),
    ...(name === GUARDED ? { credentialPath: `${SECRETS}/pull.json` } : {}),
  };
}

function makeImages(
  registries: readonly string[],
  put: (registry: string, repository: string, tag: string, image: LabImage) => void,
): readonly StageImage[] {
  return registries.flatMap((registry) =>
    Array.from({ length: 6 }, (_, i) => {
      const path = `${registry.replaceAll(".", "-")}/app${i}`;
      const image = buildImage({ layers: 1 + (i % 3), bytesPerLayer: 64 << (i * 2) });
      put(registry, path, "1", image);
      return { registry, repository: `${registry}/${path}`, tag: "1", digest: image.digest };
    }),
  );
}

/** Rotated: another CA is trusted besides, and the password is another one. The mirrors' own CA is always in. */
async function writeMaterial(
  node: BootedNode,
  ca: LabCa,
  other: LabCa,
  host: string,
  random: Random | undefined,
): Promise<void> {
  const file = (name: string): string => node.path(`${SECRETS}/${name}`);
  await mkdir(node.path(SECRETS), { recursive: true });
  for (const name of ["steady", "a", "c"]) {
    const rotated = random?.chance(0.5) === true;
    await writeFile(file(`${name}.crt`), rotated ? `${other.cert}${ca.cert}` : ca.cert);
  }
  const password = random === undefined ? "at-rest" : randomBytes(6).toString("hex");
  const auth = Buffer.from(`node:${password}`).toString("base64");
  await writeFile(file("pull.json"), JSON.stringify({ auths: { [host]: { auth } } }), { mode: 0o600 });
}
