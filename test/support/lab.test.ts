import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { promisify } from "node:util";
import { forEachGeneration, type LabContainerd, startContainerd } from "./containerd.ts";
import { labSkipReason } from "./lab-parts.ts";
import { commandLine, isRunning, processesNaming } from "./processes.ts";
import { pushImage } from "./push-image.ts";
import { type LabRegistry, startRegistry } from "./registry.ts";
import { createCa } from "./tls.ts";
import { startUpstreamTrap } from "./upstream-trap.ts";

const run = promisify(execFile);

forEachGeneration("pulls through a mirror, and again after removeImage", async (generation, context) => {
  const [daemon, registry] = await Promise.all([startContainerd({ generation }), startRegistry()]);
  context.after(() => Promise.all([daemon.stop(), registry.stop()]));
  const platforms = ["linux/amd64", "linux/arm64"];
  const image = await pushImage(registry, "team/app", "1.0", {
    platforms,
    layers: 3,
    bytesPerLayer: 100_000,
  });
  await mirrorTo(daemon, registry);

  for (const reference of ["gcr.io/team/app:1.0", `gcr.io/team/app@${image.digest}`]) {
    registry.clearRequests();
    assert.equal((await daemon.pull(reference)).ok, true);
    // HEAD; index, manifest; config and three layers
    assert.equal(registry.requests().length, 7);
    const record = registry.requests()[0];
    assert.deepEqual([record?.method, record?.status, record?.query["ns"]], ["HEAD", 200, "gcr.io"]);
    await daemon.removeImage(reference);
  }
});

forEachGeneration("restartCommand restarts from a process that then dies", async (generation, context) => {
  const daemon = await startContainerd({ generation });
  context.after(() => daemon.stop());
  const [command = "", ...args] = daemon.restartCommand;
  const before = await daemon.pid();

  await run("/bin/sh", ["-c", `${command} && kill -9 $$`]).catch((error) =>
    assert.equal(error.signal, "SIGKILL"),
  );
  const restarted = await daemon.pid();
  assert.notEqual(restarted, before);
  assert.equal(await isRunning(before), false);
  assert.equal((await daemon.pull("127.0.0.1:1/x:1")).ok, false);

  const good = await readFile(daemon.configPath);
  await writeFile(daemon.configPath, "version = [broken");
  await assert.rejects(run(command, args), /failed to load TOML|toml:|expected/);
  await writeFile(daemon.configPath, good);
  await daemon.restart();
  assert.match(await commandLine(await daemon.pid()), /bin\/containerd\0--config/);
});

forEachGeneration("nothing is left when the test process is killed", async (generation) => {
  const program = `
    const { startContainerd } = await import("./test/support/containerd.ts");
    const { startRegistry } = await import("./test/support/registry.ts");
    await startRegistry();
    const daemon = await startContainerd({ generation: "${generation}" });
    console.log(daemon.dir, await daemon.pid());
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line = ""] = await firstLine(child.stdout);
  const [dir = "", pid = ""] = line.split(" ");
  assert.match(await commandLine(Number(pid)), /containerd/);

  child.kill("SIGKILL");
  for (let attempt = 0; existsSync(dir) && attempt < 500; attempt++) await delay(20);
  assert.equal(existsSync(dir), false, `${dir} is still there`);
  assert.equal(await isRunning(Number(pid)), false, `containerd ${pid} still runs`);
  assert.doesNotMatch(await readFile("/proc/self/mounts", "utf8"), new RegExp(dir));
});

test("stop ends the daemon and removes its directory", { skip: labSkipReason() ?? false }, async () => {
  const daemon = await startContainerd({ generation: "2.1" });
  const pid = await daemon.pid();
  await daemon.stop();
  await daemon.stop();
  assert.equal(await isRunning(pid), false);
  assert.equal(existsSync(daemon.dir), false);
  assert.deepEqual(await processesNaming(daemon.dir), []);
});

forEachGeneration("the trap sees who would have been contacted", async (generation, context) => {
  const trap = await startUpstreamTrap();
  const daemon = await startContainerd({ generation, upstreamTrap: trap });
  context.after(() => Promise.all([daemon.stop(), trap.stop()]));
  assert.equal((await daemon.pull("docker.io/library/nginx:1")).ok, false);
  assert.deepEqual(
    trap.contacts().map(({ method, target }) => `${method} ${target}`),
    ["CONNECT registry-1.docker.io:443"],
  );
});

forEachGeneration(
  "Basic and token registries serve the right credential only",
  async (generation, context) => {
    const ca = await createCa();
    const tls = await ca.issueServer();
    const daemon = await startContainerd({ generation });
    context.after(() => daemon.stop());
    await writeFile(join(daemon.etc, "ca.crt"), ca.cert);
    for (const kind of ["basic", "token"] as const) {
      const registry = await startRegistry({
        tls,
        auth: { kind, username: "puller", password: "first:'ä\\" },
      });
      context.after(() => registry.stop());
      await pushImage(registry, "team/app", kind);
      await mirrorTo(daemon, registry, `ca = "${daemon.etc}/ca.crt"`);
      const pull = (password: string) =>
        daemon.pull(`gcr.io/team/app:${kind}`, { auth: { username: "puller", password } });

      assert.equal((await daemon.pull(`gcr.io/team/app:${kind}`)).ok, false);
      assert.equal((await pull("wrong")).ok, false);
      assert.equal((await pull("first:'ä\\")).ok, true);
      await daemon.removeImage(`gcr.io/team/app:${kind}`);
      await registry.setCredential("puller", "second");
      assert.equal((await pull("first:'ä\\")).ok, false);
      assert.equal((await pull("second")).ok, true);
    }
  },
);

async function mirrorTo(daemon: LabContainerd, mirror: Pick<LabRegistry, "url">, keys = ""): Promise<void> {
  const directory = join(daemon.certsD, "gcr.io");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "hosts.toml"), `[host."${mirror.url}"]\n${keys}\n`);
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<readonly string[]> {
  for await (const line of createInterface({ input: stream })) return [line];
  return [];
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
