import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { NEW } from "../core/fleet/support/fleet.ts";
import { startFleetLab } from "../fleet/controller/support/fleet-lab.ts";
import { eventually } from "../fleet/engine/engine-words.ts";
import { openJournal } from "../fleet/engine/open-engine.ts";
import { atEnd, directoryOf } from "../support/at-end.ts";
import { findFreePort } from "../support/free-port.ts";

const main = ["--import", "tsx", join(import.meta.dirname, "../../src/main.ts"), "fleet", "control"];

test("fleet control leads a rollout to its end, and hands over when it is stopped", {
  timeout: 180_000,
}, async (t) => {
  const directory = await directoryOf(t);
  const engine = await openJournal({ directory });
  atEnd(t, () => engine.close());
  const first = await startControl(t, directory);
  await eventually(() => first.said.includes("this controller leads the fleet"), "it leads");
  const second = await startControl(t, directory);
  const lab = await startFleetLab(t, { engine, fleet: "prod" }, { natures: Array(4).fill("good") });
  await lab.until(({ phase, wave }) => phase === "waves" && wave === 1, "mid-wave");
  assert.match(await first.get("/metrics"), /^mirrorlet_fleet_controller_leading 1$/m);
  assert.match(
    await first.get("/metrics"),
    /^mirrorlet_fleet_rollout_phase\{.*rollout="r1",phase="waves"\} 1$/m,
  );
  assert.match(await second.get("/metrics"), /^mirrorlet_fleet_controller_leading 0$/m);
  assert.match(await second.get("/readyz?verbose"), /\[\+\]records ok/);
  first.child.kill("SIGTERM");
  const [code] = await once(first.child, "exit");
  assert.equal(code, 0);
  assert.ok(first.said.includes("wave 1 begins"), first.said.join("\n"));
  await lab.until(({ phase }) => phase === "done", "the other one goes on");
  lab.check();
  assert.ok(lab.agents.every(({ running }) => running?.digest === NEW.digest));
  await eventually(
    () => second.said.includes("the rollout is over: what it brought is stable"),
    "it says so",
  );
});

test("without a fleet, an engine that can be, or an address of its own, fleet control is 78", async (t) => {
  const directory = await directoryOf(t);
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [...main, ...args], {
      encoding: "utf8",
      timeout: 120_000,
      env: { PATH: process.env["PATH"] },
    });
  const config = join(directory, "feed.toml");
  await writeFile(config, "", { mode: 0o600 });
  const nothing = run("--config", config);
  assert.equal(nothing.status, 78);
  assert.match(nothing.stderr, /which fleet this is about/);
  const wrong = run("--fleet", "prod", "--engine", "etcd://nowhere");
  assert.equal(wrong.status, 78);
  assert.match(wrong.stderr, /"nowhere" in etcd:\/\/nowhere is no HOST:PORT/);
  const { port } = await startControl(t, join(directory, "journal"));
  const engine = `journal:${directory}/journal`;
  const taken = run("--fleet", "prod", "--engine", engine, "--set", `http.address=127.0.0.1:${port}`);
  assert.equal(taken.status, 78);
  assert.match(taken.stderr, /another program listens there/);
});

interface ControlProcess {
  readonly child: ChildProcess;
  /** Messages of its log. */
  readonly said: readonly string[];
  readonly port: number;
  get(path: string): Promise<string>;
}

/** Resolves once it answers. */
async function startControl(t: TestContext, directory: string): Promise<ControlProcess> {
  const port = await findFreePort();
  const address = `127.0.0.1:${port}`;
  const args = ["--fleet", "prod", "--engine", `journal:${directory}`, "--set", `http.address=${address}`];
  const child = spawn(process.execPath, [...main, ...args], { stdio: ["ignore", "inherit", "pipe"] });
  const exited = once(child, "exit");
  atEnd(t, async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const said: string[] = [];
  createInterface(child.stderr).on("line", (line) =>
    said.push((JSON.parse(line) as { message: string }).message),
  );
  const get = async (path: string): Promise<string> => (await fetch(`http://${address}${path}`)).text();
  await eventually(() => said.includes("takes part in leading the fleet"), "it begins");
  return { child, said, port, get };
}
