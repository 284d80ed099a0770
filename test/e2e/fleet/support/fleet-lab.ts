import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBalancer } from "../../../support/balancer.ts";
import { type LabEtcd, startEtcd } from "../../../support/etcd.ts";
import { type FeedProcess, feedProcess } from "../../../support/feed-process.ts";
import { leaseDirectory } from "../../../support/leased-directory.ts";
import { createCa, type LabCertificate } from "../../../support/tls.ts";
import { WAIT_LIMIT_MS } from "../../../support/wait-limit.ts";
import { type CommandEnd, mirrorletEnvironment, mirrorletProgram } from "../../support/mirrorlet.ts";

/** The side of the fleet: an etcd of three members, three feed servers behind a balancer, a key that signs. */
export interface FleetLab {
  readonly etcd: LabEtcd;
  readonly servers: readonly FeedProcess[];
  /** Of the balancer, on this machine's loopback: what nodes connect to. */
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  /** PEM of the key that signs. */
  readonly trust: string;
  issueNode(id: string): Promise<LabCertificate>;
  /** `mirrorlet fleet ARGS`; rejects with its words when it fails. */
  must(...args: readonly string[]): Promise<string>;
  run(...args: readonly string[]): Promise<CommandEnd>;
  /** Signs a desired state with that serial and publishes it. */
  publish(serial: number, desiredState: string): Promise<void>;
  /** Begins a rollout of it, with these lines of a rollout's file. */
  start(id: string, serial: number, lines: string): Promise<void>;
  rollout(id: string): Promise<RolloutJson>;
  /** Until the rollout is in one of these phases; rejects with what it says when it is in another that is an end. */
  until(id: string, ...phases: readonly string[]): Promise<RolloutJson>;
  /** The server whose controller leads. */
  leader(): Promise<FeedProcess>;
  stop(): Promise<void>;
}

export interface RolloutJson {
  readonly state: {
    readonly phase: string;
    readonly wave?: number;
    readonly attempt?: number;
    readonly halt?: { readonly code: string; readonly message: string };
  };
  readonly waves: readonly object[];
}

export const FLEET = "prod";
export const CHANNEL = "stable";

export async function startFleetLab(): Promise<FleetLab> {
  const lease = await leaseDirectory("fleet");
  const stops: (() => Promise<void>)[] = [() => lease.release()];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => {});
  };
  try {
    const etcd = await startEtcd({ members: 3 });
    stops.push(() => etcd.stop());
    const engine = `etcd://${etcd.endpoints.map((url) => new URL(url).host).join(",")}`;
    const ca = await createCa("fleet");
    const servers = await Promise.all(
      ["feed-1", "feed-2", "feed-3"].map(async (name) =>
        feedProcess({
          lease,
          name,
          fleet: FLEET,
          engine,
          clientCa: ca.cert,
          certificate: await ca.issueServer(),
        }),
      ),
    );
    for (const server of servers) stops.push(() => server.kill());
    await Promise.all(servers.map((server) => server.start()));
    const balancer = await startBalancer(servers.map(({ port }) => port));
    stops.push(() => balancer.close());

    const run = (...args: readonly string[]): Promise<CommandEnd> =>
      runFleet(["fleet", ...args, ...(OF_THE_ENGINE(args) ? ["--engine", engine, "--fleet", FLEET] : [])]);
    const must = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(...args);
      if (code !== 0) throw new Error(`fleet ${args.join(" ")}: ${code}: ${stderr}${stdout}`);
      return stdout;
    };
    const file = (name: string): string => join(lease.path, name);
    await must("keygen", "--out", file("anna.key"));
    await must("channel", "set", CHANNEL, "--label", "fleet=lab");
    const rollout = async (id: string): Promise<RolloutJson> => {
      // 1 says that it has halted.
      const { code, stdout, stderr } = await run("rollout", "status", id, "--json");
      const [found] = code > 1 ? [] : (JSON.parse(stdout) as { rollouts: RolloutJson[] }).rollouts;
      if (found === undefined) throw new Error(`rollout status ${id}: ${code}: ${stderr}`);
      return found;
    };
    return {
      etcd,
      servers,
      port: balancer.port,
      ca: ca.cert,
      trust: await readFile(file("anna.key.pub"), "utf8"),
      issueNode: (id) => ca.issueClient(id, { uri: `spiffe://${FLEET}/node/${id}` }),
      run,
      must,
      async publish(serial, desiredState) {
        const [plain, signed] = [file(`state-${serial}.yaml`), file(`state-${serial}.signed.json`)];
        await writeFile(plain, desiredState);
        const validity = ["--expires", new Date(Date.now() + 86_400_000).toISOString()];
        const of = ["--fleet", FLEET, "--channel", CHANNEL, "--serial", String(serial)];
        await must("sign", plain, "--key", file("anna.key"), ...of, ...validity, "--out", signed);
        await must("publish", signed, "--trust", file("anna.key.pub"));
      },
      async start(id, serial, lines) {
        const path = file(`${id}.yaml`);
        await writeFile(path, `kind: Rollout\napiVersion: mirrorlet/v1\nchannel: ${CHANNEL}\n${lines}`);
        await must("rollout", "start", path, "--id", id, "--to", String(serial));
      },
      rollout,
      async until(id, ...phases) {
        for (let waited = 0; ; waited += 500) {
          const found = await rollout(id);
          const { phase } = found.state;
          if (phases.includes(phase)) return found;
          const isOver = ["done", "reverted", "halted", "abandoned"].includes(phase);
          if (isOver || waited > 5 * WAIT_LIMIT_MS)
            throw new Error(`${id} is ${phase}:\n${(await run("rollout", "status", id)).stdout}`);
          await sleep(500);
        }
      },
      async leader() {
        for (let waited = 0; waited < WAIT_LIMIT_MS; waited += 200) {
          for (const server of servers)
            if (/^mirrorlet_fleet_controller_leading 1$/m.test(await server.metrics())) return server;
          await sleep(200);
        }
        throw new Error("no controller leads");
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Keys and signatures need no engine. */
const OF_THE_ENGINE = ([command]: readonly string[]): boolean => !["keygen", "sign"].includes(command ?? "");

function runFleet(args: readonly string[]): Promise<CommandEnd> {
  const [program, ...first] = mirrorletProgram();
  const options = { env: mirrorletEnvironment, timeout: 2 * WAIT_LIMIT_MS, maxBuffer: 2 ** 26 };
  return new Promise((resolve) => {
    execFile(program, [...first, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
