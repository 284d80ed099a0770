import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { readFleet } from "../../src/fleet/store/read-fleet.ts";
import { OLD } from "../core/fleet/support/fleet.ts";
import { eventually } from "../fleet/engine/engine-words.ts";
import { openJournal } from "../fleet/engine/open-engine.ts";
import { connectNode } from "../fleet/server/support/feed-node.ts";
import { type TestFleet, testFleet, writeTestChannel } from "../fleet/server/support/feed-words.ts";
import { scratch } from "../host/scratch.ts";
import { findFreePort } from "../support/free-port.ts";

const main = join(import.meta.dirname, "../../src/main.ts");

interface Serving {
  readonly child: ChildProcess;
  readonly port: number;
  readonly http: string;
  readonly lines: readonly string[];
  exit(): Promise<number | null>;
}

/** The command as an operator runs it, on a journal, configured by a file. */
async function serve(t: TestContext, fleet: TestFleet, journal: string, files: string): Promise<Serving> {
  const [port, httpPort] = [await findFreePort(), await findFreePort()];
  const { cert, key } = await fleet.ca.issueServer();
  const config = join(files, "feed.toml");
  await Promise.all([
    writeFile(join(files, "ca.pem"), fleet.ca.cert),
    writeFile(join(files, "cert.pem"), cert),
    writeFile(join(files, "key.pem"), key),
    writeFile(
      config,
      `fleet = "prod"
engine = "journal:${journal}"
[feed]
address = "127.0.0.1:${port}"
ca = "${files}/ca.pem"
cert = "${files}/cert.pem"
key = "${files}/key.pem"
denied = "${files}/denied"
[http]
address = "127.0.0.1:${httpPort}"
`,
    ),
  ]);
  const args = ["--import", "tsx", main, "fleet", "serve", "--config", config];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  t.after(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const http = `http://127.0.0.1:${httpPort}`;
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${lines.join("\n")}`);
    return (await fetch(`${http}/readyz`).catch(() => undefined))?.status === 200;
  }, "it is ready");
  return { child, port, http, lines, exit: async () => (await exited)[0] as number | null };
}

test("it serves nodes until SIGTERM, and then sends them to other servers", async (t) => {
  const directory = scratch(t);
  const engine = await openJournal({ directory });
  const store = { engine, fleet: "prod" };
  const fleet = await testFleet(t, store);
  await writeTestChannel(store);
  const files = scratch(t);
  const serving = await serve(t, fleet, directory, files);
  const node = await connectNode(t, fleet, serving.port, "n1");
  await node.until(({ assignments, acked }) => assignments.length === 1 && acked() === 4, "it is served");
  const other = await connectNode(t, fleet, serving.port, "n2", { running: OLD });
  await other.until(({ received }) => received.length > 0, "it is welcome");

  const metrics = await (await fetch(`${serving.http}/metrics`)).text();
  assert.match(metrics, /^mirrorlet_feed_server_streams 2$/m);
  assert.match(metrics, /^mirrorlet_feed_server_assignments_total\{mode="apply"\} 1$/m);
  assert.match(metrics, /^mirrorlet_fleet_servers 1$/m);
  assert.equal((await fetch(`${serving.http}/livez`)).status, 200);
  await eventually(async () => {
    const health = await fetch(`${serving.http}/health`);
    return ((await health.json()) as { status: string }).status === "pass";
  }, "a controller leads, and all is well");

  await writeFile(join(files, "denied"), "n2\n");
  serving.child.kill("SIGHUP");
  await other.until(({ ended }) => ended() !== undefined, "it is denied");
  assert.equal(node.ended(), undefined);

  serving.child.kill("SIGTERM");
  assert.equal(await serving.exit(), 0);
  assert.equal(node.received.at(-1)?.message, "goAway");
  const records = await readFleet(store);
  assert.equal(records.status.get("n1")?.value.connection, undefined);
  assert.equal(records.server.size, 0);
  assert.equal(records.controller.size, 0);
  assert.ok(serving.lines.every((line) => !line.includes("PRIVATE KEY")));
  await engine.close();
});

test("what cannot be served is 78, with the reason", async (t) => {
  const files = scratch(t);
  const run = (...more: readonly string[]) => {
    const args = ["--import", "tsx", main, "fleet", "serve", ...more];
    const { status, stderr } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
      timeout: 60_000,
    });
    return { status, stderr };
  };
  const nothing = run("--config", join(files, "none.toml"));
  assert.equal(nothing.status, 78);
  assert.match(nothing.stderr, /there is no .*none\.toml/);
  const unsaid = run("--set", "log.level=warn");
  assert.equal(unsaid.status, 78);
  assert.match(unsaid.stderr, /which fleet this is about/);
  const without = run(
    "--fleet",
    "prod",
    "--engine",
    `journal:${files}/journal`,
    "--set",
    `feed.cert=${files}/x`,
  );
  assert.equal(without.status, 78);
  assert.match(without.stderr, /certificate file cannot be read/);
  const odd = run("--fleet", "prod", "--engine", "etcd://x");
  assert.equal(odd.status, 78);
  assert.match(odd.stderr, /HOST:PORT/);
});
