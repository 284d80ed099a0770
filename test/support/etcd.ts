import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { findFreePort } from "./free-port.ts";
import { labPart } from "./lab-parts.ts";
import { leaseDirectory } from "./leased-directory.ts";
import { isRunning } from "./processes.ts";
import type { LabCertificate } from "./tls.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** A real etcd of one or three members on loopback, with data of its own. */
export interface LabEtcd {
  readonly members: readonly LabEtcdMember[];
  readonly endpoints: readonly string[];
  /** The member that leads; undefined while there is none. */
  leader(): Promise<LabEtcdMember | undefined>;
  /** Drops the history up to a revision. */
  compact(revision: number): Promise<void>;
  stop(): Promise<void>;
}

export interface LabEtcdMember {
  readonly endpoint: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Again after SIGKILL, with the data it had; resolves when it answers. */
  start(): Promise<void>;
  /** Forgets its data; only after SIGKILL. */
  wipe(): Promise<void>;
  /** Keeps a copy of its data; only after SIGKILL. */
  backUp(): Promise<void>;
  /** Puts the copy in place of its data; only after SIGKILL. */
  putBack(): Promise<void>;
  /** Its own HTTP gateway, without the client under test: `/v3/kv/put`. Rejects with its words. */
  post(path: string, body: object): Promise<Record<string, unknown>>;
}

export interface LabEtcdOptions {
  readonly members?: 1 | 3;
  /** Clients have to come over TLS; with `clientCa` (PEM), with a certificate. */
  readonly tls?: LabCertificate & { readonly clientCa?: string };
}

export async function startEtcd({ members: size = 1, tls }: LabEtcdOptions = {}): Promise<LabEtcd> {
  const program = join(await labPart("etcd"), "etcd");
  const lease = await leaseDirectory("etcd");
  try {
    if (tls !== undefined) {
      await writeFile(join(lease.path, "cert"), tls.cert);
      await writeFile(join(lease.path, "key"), tls.key, { mode: 0o600 });
      if (tls.clientCa !== undefined) await writeFile(join(lease.path, "client-ca"), tls.clientCa);
    }
    const plans: MemberPlan[] = [];
    for (let index = 0; index < size; index++)
      plans.push({
        name: `member-${index}`,
        client: `http${tls === undefined ? "" : "s"}://127.0.0.1:${await findFreePort()}`,
        peer: `http://127.0.0.1:${await findFreePort()}`,
      });
    const cluster = plans.map(({ name, peer }) => `${name}=${peer}`).join(",");
    const members = plans.map((plan) => memberOf(plan, program, lease.path, cluster, tls));
    await Promise.all(members.map(({ start }) => start()));
    const [first] = members as [LabEtcdMember];
    return {
      members,
      endpoints: plans.map(({ client }) => client),
      leader: () => findLeader(members),
      async compact(revision) {
        await first.post("/v3/kv/compaction", { revision, physical: true });
      },
      stop: () => lease.release(),
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

interface MemberPlan {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
}

function memberOf(
  { name, client, peer }: MemberPlan,
  program: string,
  directory: string,
  cluster: string,
  tls: LabEtcdOptions["tls"],
): LabEtcdMember {
  const within = (file: string): string => join(directory, file);
  const flags = [
    ...["--name", name, "--data-dir", within(`${name}.data`), "--log-level", "warn"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", cluster, "--initial-cluster-state", "new"],
    ...(tls === undefined ? [] : ["--cert-file", within("cert"), "--key-file", within("key")]),
    ...(tls?.clientCa === undefined ? [] : ["--client-cert-auth", "--trusted-ca-file", within("client-ca")]),
  ];
  const post = (path: string, body: object) => ask(`${client}${path}`, body);
  const pidFile = within(`pids/${name}`);
  return {
    endpoint: client,
    post,
    async kill(signal) {
      const pid = Number(await readFile(pidFile, "utf8"));
      process.kill(pid, signal);
      if (signal === "SIGKILL") await waitUntil(async () => !(await isRunning(pid)), `${name} does not die`);
    },
    async start() {
      await mkdir(within(`${name}.data`), { recursive: true, mode: 0o700 });
      const log = await open(within(`${name}.log`), "a");
      const child = spawn(
        "/bin/sh",
        ["-c", `echo $$ >"$1"; shift; exec "$@"`, "lab", pidFile, program, ...flags],
        {
          cwd: "/",
          detached: true,
          env: { PATH: "/usr/bin:/bin" },
          stdio: ["ignore", log.fd, log.fd],
        },
      );
      child.unref();
      await log.close();
      const isUp = tls === undefined ? () => hasLeader(post) : () => accepts(client);
      await waitUntil(
        isUp,
        async () => `${name} does not get ready: ${await readFile(within(`${name}.log`), "utf8")}`,
      );
    },
    wipe: () => rm(within(`${name}.data`), { recursive: true }),
    backUp: () => cp(within(`${name}.data`), within(`${name}.copy`), { recursive: true }),
    async putBack() {
      await rm(within(`${name}.data`), { recursive: true });
      await cp(within(`${name}.copy`), within(`${name}.data`), { recursive: true });
    },
  };
}

async function ask(url: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
    headers: { connection: "close" },
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${url}: ${JSON.stringify(answer)}`);
  return answer;
}

async function findLeader(members: readonly LabEtcdMember[]): Promise<LabEtcdMember | undefined> {
  for (const member of members) {
    const status = await member.post("/v3/maintenance/status", {}).catch(() => undefined);
    const header = status?.["header"] as { member_id?: string } | undefined;
    if (header?.member_id !== undefined && header.member_id === status?.["leader"]) return member;
  }
  return undefined;
}

// A linearizable read: needs a leader.
function hasLeader(post: LabEtcdMember["post"]): Promise<boolean> {
  return post("/v3/kv/range", { key: "eA==" }).then(
    () => true,
    () => false,
  );
}

// Over TLS the gateway asks for a certificate; it listens once it serves.
function accepts(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  return once(socket, "connect")
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}

async function waitUntil(
  isSo: () => boolean | Promise<boolean>,
  otherwise: string | (() => Promise<string>),
): Promise<void> {
  for (let attempt = 0; attempt < WAIT_LIMIT_MS / 50; attempt++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(typeof otherwise === "string" ? otherwise : await otherwise());
}
