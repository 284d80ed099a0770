import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createFiles } from "../../src/host/files.ts";
import { scratch, tryCommand, tryMount } from "./scratch.ts";

test("readTree sees a file changed in place twice in a second where times are whole seconds", async (t) => {
  const directory = scratch(t);
  const [image, root] = [join(directory, "image"), join(directory, "root")];
  const path = join(root, "c/h/hosts.toml");
  mkdirSync(root);
  if (!tryCommand(t, "mkfs.ext4", "-q", "-I", "128", image, "16m")) return;
  if (!tryMount(t, root, "-o", "loop", image)) return;
  mkdirSync(join(root, "c/h"), { recursive: true });
  const files = createFiles({ root });
  const read = async (): Promise<string> =>
    Buffer.from((await files.readTree("/c")).files[0]?.bytes ?? []).toString();
  await sleep(1020 - (Date.now() % 1000));
  writeFileSync(path, "one");
  await sleep(300);
  assert.equal(await read(), "one");
  writeFileSync(path, "two");
  assert.equal(await read(), "two");
  await sleep(2500);
  assert.equal(await read(), "two");
});
