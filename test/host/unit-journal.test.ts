import assert from "node:assert/strict";
import { test } from "node:test";
import { readPodsInMaking } from "../../src/host/unit-journal.ts";
import { journalSkipReason, startJournal } from "../support/journal.ts";
import { scratch } from "./scratch.ts";

const UNIT = "containerd.service";
const RESTART = ["systemctl", "restart", UNIT];
const skip = journalSkipReason();
const lineOf = (message: string): string => `level=info msg="${message.replaceAll('"', '\\"')}"`;
const callOf = (name: string): string =>
  lineOf(`RunPodSandbox for &PodSandboxMetadata{Name:${name},Uid:1,Namespace:default,Attempt:0,}`);
const answerOf = (name: string): string =>
  lineOf(
    `RunPodSandbox for &PodSandboxMetadata{Name:${name},Uid:1,Namespace:default,Attempt:0,} returns sandbox id "7"`,
  );
const DEBUG = `level=debug msg="container spec: ${"x".repeat(1_000)}"`;

test("the newest of more lines than are read count, and than there is room for", { skip }, async (t) => {
  const journal = startJournal(scratch(t));
  journal.write(UNIT, callOf("web-1"));
  for (let count = 0; count < 5_500; count++) journal.write(UNIT, DEBUG);
  journal.write(UNIT, answerOf("web-1"));
  journal.write(UNIT, callOf("web-2"));
  journal.write("other.service", callOf("web-3"));
  await journal.stop();
  assert.deepEqual(await readPodsInMaking(RESTART, journal.root), ["default/web-2"]);
});

test("in the order in which they came", { skip }, async (t) => {
  const journal = startJournal(scratch(t));
  for (const line of [callOf("web-1"), answerOf("web-1"), callOf("web-2")]) journal.write(UNIT, line);
  await journal.stop();
  assert.deepEqual(await readPodsInMaking(RESTART, journal.root), ["default/web-2"]);
  assert.deepEqual(await readPodsInMaking(["/opt/restart-containerd"], journal.root), []);
});
