import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { mirrorletEnvironment, mirrorletProgram, runMirrorlet } from "../e2e/support/mirrorlet.ts";

const REFUSED =
  'failed to pull and unpack image "gcr.io/a/b:1": failed to resolve image: failed to do request: Head "https://mirror.corp:5000/v2/a/b/manifests/1?ns=%5BREDACTED%5D": dial tcp 10.0.0.1:5000: connect: connection refused';

/** A machine without containerd and without any of its files. */
function nowhere(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-nowhere-"));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

const doctor = (root: string, ...more: readonly string[]) =>
  runMirrorlet(["--root", root, "doctor", ...more]);

test("an error is told with the host that failed, without any node: 1", async (t) => {
  const { code, stdout } = await doctor(nowhere(t), "--error", REFUSED);
  assert.equal(code, 1);
  assert.match(stdout, /^Read without a containerd/);
  assert.match(stdout, /^error host-unreachable: /m);
  assert.match(stdout, /^ {2}failed the mirror mirror\.corp:5000: the tag or digest could not be resolved$/m);
  assert.match(stdout, /^ {2}fix {4}start what should listen/m);
});

test("as JSON", async (t) => {
  const args = ["--error", REFUSED, "--containerd-version", "2.1.9", "--json"];
  const { stdout } = await doctor(nowhere(t), ...args);
  const { schema, containerdVersion, knowsFiles, errors } = JSON.parse(stdout);
  assert.deepEqual([schema, containerdVersion, knowsFiles], ["mirrorlet.doctor-error/v1", "2.1.9", false]);
  assert.deepEqual(errors[0].hop, {
    stage: "resolve",
    host: "mirror.corp:5000",
    role: "mirror",
    isDeduced: false,
  });
});

test("what is not known is said to be, 2; what says nothing is sent on", async (t) => {
  const root = nowhere(t);
  const unknown = await doctor(root, "--error", "no space left on device");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stdout, /^This text is not known/);
  const waiting = await doctor(root, "--error", 'Back-off pulling image "gcr.io/a/b:1"');
  assert.equal(waiting.code, 2);
  assert.match(waiting.stdout, /only that kubelet waits/);
});

test("a version that is none is a usage error; more than 1 MiB is refused", async (t) => {
  const root = nowhere(t);
  assert.equal((await doctor(root, "--error", REFUSED, "--containerd-version", "new")).code, 64);
  assert.equal((await doctor(root, "--error", "x".repeat(1024 * 1024 + 1))).code, 65);
});

test("- reads standard input, and no more than 1 MiB of it", async (t) => {
  const root = nowhere(t);
  assert.deepEqual(await pipe(root, REFUSED), { code: 1, isTold: true });
  assert.deepEqual(await pipe(root, "x".repeat(2 * 1024 * 1024)), { code: 65, isTold: false });
});

function pipe(
  root: string,
  text: string,
): Promise<{ readonly code: number | null; readonly isTold: boolean }> {
  const [program, ...first] = mirrorletProgram();
  const child = spawn(program, [...first, "--root", root, "doctor", "--error", "-"], {
    env: mirrorletEnvironment,
    timeout: 60_000,
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
  });
  // It ends before it has read all of what is too long.
  child.stdin.on("error", () => undefined);
  child.stdin.end(text);
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, isTold: /host-unreachable/.test(stdout) }));
  });
}
