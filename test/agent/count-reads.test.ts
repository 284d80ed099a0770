import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createReadGuard } from "../../src/agent/count-reads.ts";
import { createStateDirectory } from "../../src/agent/state-directory.ts";
import { createFiles } from "../../src/host/files.ts";
import { sha256 } from "../../src/host/sha256.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Each guard is a life of the agent. */
function lives(context: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "mirrorlet-reads-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const state = createStateDirectory(directory, { files: createFiles(), sha256 });
  return { directory, begin: () => createReadGuard(state, { sha256, log }) };
}

const sources = (text: string) => [{ name: "desired.yaml", bytes: new TextEncoder().encode(text) }];
const understand = async () => "understood";

test("sources in whose reading the agent is killed are given up after three; others, and a person's wish, are not", async (context) => {
  const { directory, begin } = lives(context);
  const script = join(directory, "life.mts");
  const from = (path: string): string => JSON.stringify(join(import.meta.dirname, "../../src", path));
  writeFileSync(
    script,
    `import { createReadGuard } from ${from("agent/count-reads.ts")};
     import { createStateDirectory } from ${from("agent/state-directory.ts")};
     import { createFiles } from ${from("host/files.ts")};
     import { sha256 } from ${from("host/sha256.ts")};
     const log = { debug() {}, info() {}, warn() {}, error() {} };
     const state = createStateDirectory(${JSON.stringify(directory)}, { files: createFiles(), sha256 });
     const sources = [{ name: "desired.yaml", bytes: new TextEncoder().encode("deadly") }];
     const dies = () => { process.kill(process.pid, "SIGKILL"); return new Promise(() => {}); };
     const given = await createReadGuard(state, { sha256, log })(sources, false, dies);
     process.exit(given === undefined ? 7 : 8);`,
  );
  const live = () => {
    const { signal, status } = spawnSync(process.execPath, ["--import", "tsx", script], {
      cwd: join(import.meta.dirname, "../.."),
    });
    return signal ?? status;
  };
  assert.deepEqual([live(), live(), live()], ["SIGKILL", "SIGKILL", "SIGKILL"]);
  assert.equal(live(), 7, "it is not read a fourth time");
  assert.equal(await begin()(sources("deadly"), false, understand), undefined);

  assert.equal(await begin()(sources("deadly"), true, understand), "understood");
  assert.equal(await begin()(sources("deadly"), false, understand), "understood", "it went well once");
});

test("nothing is left behind by sources that were understood, and nothing written for those that are known", async (context) => {
  const { directory, begin } = lives(context);
  const guard = begin();
  const path = join(directory, "reading.json");
  const looks: boolean[] = [];
  const look = async () => {
    looks.push(existsSync(path));
  };
  for (const text of ["a", "a", "b", "b"]) await guard(sources(text), false, look);
  assert.deepEqual(looks, [true, false, true, false]);
  assert.equal(existsSync(path), false);
});

test("a count that is damaged, or cannot be written, keeps nobody from reading", async (context) => {
  const { directory, begin } = lives(context);
  writeFileSync(join(directory, "reading.json"), "{}");
  assert.equal(await begin()(sources("a"), false, understand), "understood");
  const broken = {
    loadReading: async () => undefined,
    saveReading: () => Promise.reject(new Error("no space left")),
  };
  assert.equal(await createReadGuard(broken, { sha256, log })(sources("a"), false, understand), "understood");
});
