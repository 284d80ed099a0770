import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Commands } from "../../src/cli/commands.ts";
import { describeProgram, runProgram } from "../../src/cli/program.ts";

async function completion(shell: string): Promise<string> {
  let text = "";
  const output = {
    stdout: (part: string) => {
      text += part;
    },
    stderr: (part: string) => assert.fail(part),
  };
  assert.equal(await runProgram(["completion", shell], {} as Commands, output), 0);
  return text;
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "mirrorlet-completion-"));
  t.after(() => rm(path, { recursive: true }));
  await writeFile(join(path, "state.yaml"), "");
  await writeFile(join(path, "two words.yaml"), "");
  await mkdir(join(path, "directory"));
  return path;
}

/** What bash offers for the last of `words`, asked the way it asks itself when Tab is pressed. */
function bash(script: string, cwd: string, ...words: readonly string[]): string[] {
  const code = `${script}
    [[ "$(complete -p mirrorlet)" == *"-F _mirrorlet mirrorlet" ]] || exit 9
    COMP_WORDS=(mirrorlet "$@"); COMP_CWORD=$#
    _mirrorlet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const run = spawnSync("bash", ["--norc", "-u", "-c", code, "bash", ...words], { cwd, encoding: "utf8" });
  assert.deepEqual([run.status, run.stderr], [0, ""]);
  return run.stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

test("bash accepts its script and completes commands, options, choices and files", async (t) => {
  const script = await completion("bash");
  const cwd = await folder(t);
  assert.equal(spawnSync("bash", ["-n"], { input: script }).status, 0);
  const files = ["directory", "state.yaml", "two words.yaml"];
  assert.deepEqual(bash(script, cwd, "va"), ["validate"]);
  assert.deepEqual(bash(script, cwd, ""), [
    "agent",
    "apply",
    "bundle",
    "completion",
    "doctor",
    "dump",
    "explain",
    "fleet",
    "help",
    "plan",
    "push",
    "render",
    "restore",
    "status",
    "validate",
    "version",
  ]);
  assert.deepEqual(bash(script, cwd, "--j"), ["--json"]);
  assert.deepEqual(bash(script, cwd, "agent", "--p"), ["--print-config"]);
  assert.deepEqual(bash(script, cwd, "apply", "--a"), ["--adopt"]);
  assert.deepEqual(bash(script, cwd, "apply", "--root"), ["--root"]);
  assert.deepEqual(bash(script, cwd, "completion", ""), ["bash", "fish", "zsh"]);
  assert.deepEqual(bash(script, cwd, "help", "re"), ["render", "restore"]);
  assert.deepEqual(bash(script, cwd, "plan", ""), files);
  assert.deepEqual(bash(script, cwd, "bundle", "verify", ""), files);
  assert.deepEqual(bash(script, cwd, "plan", "one.yaml", "t"), ["two words.yaml"]);
  assert.deepEqual(bash(script, cwd, "render", "--out", ""), ["directory"]);
  assert.deepEqual(bash(script, cwd, "agent", "--config", "s"), ["state.yaml"]);
  assert.deepEqual(bash(script, cwd, "--root", "directory", "--json", "val"), ["validate"]);
  assert.deepEqual(bash(script, cwd, "render", "--containerd-version", ""), []);
  assert.deepEqual(bash(script, cwd, "doctor", "--fail-on", ""), ["error", "info", "warning"]);
  assert.deepEqual(bash(script, cwd, "--root", "directory", "doctor", "--fail-on", "info", "--no-"), [
    "--no-probe",
  ]);
  assert.deepEqual(bash(script, cwd, "doctor", "--only", ""), []);
  const fleet = describeProgram().commands.find(({ name }) => name === "fleet")?.commands ?? [];
  assert.deepEqual(bash(script, cwd, "fleet", ""), fleet.map(({ name }) => name).toSorted());
  assert.deepEqual(bash(script, cwd, "--json", "fleet", "si"), ["sign"]);
  assert.deepEqual(bash(script, cwd, "fleet", "rollout", "re"), ["resume", "retry", "revert"]);
  assert.deepEqual(bash(script, cwd, "fleet", "rollout", "start", "--su"), ["--supersedes"]);
  assert.deepEqual(bash(script, cwd, "fleet", "--fleet", "prod", "rollout", "start", ""), files);
  assert.deepEqual(bash(script, cwd, "fleet", "rollout", "halt", "--reason", ""), []);
  assert.deepEqual(bash(script, cwd, "fleet", "sign", "--fl"), ["--fleet", "--floor-serial"]);
  assert.deepEqual(bash(script, cwd, "fleet", "sign", "--fleet", "prod", ""), files);
  assert.deepEqual(bash(script, cwd, "fleet", "keygen", "--out", ""), files);
  assert.deepEqual(bash(script, cwd, "fleet", "nonsense", ""), []);
  assert.deepEqual(bash(script, cwd, "nonsense", ""), []);
});

const found = (shell: string) =>
  spawnSync(shell, ["--version"]).status === 0 ? false : `${shell} is not installed`;

test("zsh accepts its script", { skip: found("zsh") }, async () => {
  const run = spawnSync("zsh", ["-n"], { input: await completion("zsh"), encoding: "utf8" });
  assert.deepEqual([run.status, run.stderr], [0, ""]);
});

test("fish accepts its script and completes", { skip: found("fish") }, async (t) => {
  const script = await completion("fish");
  // It reads no script from the socket that Node gives it as standard input.
  const file = join(await folder(t), "completion.fish");
  await writeFile(file, script);
  assert.equal(spawnSync("fish", ["-n", file]).status, 0);
  const run = spawnSync("fish", ["-c", `${script}\ncomplete -C "mirrorlet val"`], { encoding: "utf8" });
  assert.match(run.stdout, /^validate\tcheck desired state/);
  const complete = (line: string) =>
    spawnSync("fish", ["-c", `${script}\ncomplete -C "mirrorlet ${line}"`], { encoding: "utf8" }).stdout;
  assert.match(complete("fleet si"), /^sign\tsign a desired state[^\n]*\n$/);
  assert.match(complete("fleet rollout res"), /^resume\tend a pause[^\n]*\n$/);
  assert.match(complete("fleet rollout start --su"), /^--supersedes\t[^\n]*\n$/);
  assert.match(complete("fleet status --w"), /^--watch\t[^\n]*\n$/);
  assert.equal(complete("fleet status --np"), "", "that is an option of the node's own status");
});

test("every command and option is in the script of every shell", async () => {
  const commands = [
    "agent",
    "apply",
    "bundle",
    "completion",
    "doctor",
    "dump",
    "explain",
    "fleet",
    "help",
    "plan",
    "push",
    "render",
    "restore",
    "status",
    "validate",
    "version",
  ];
  const options = [
    "root",
    "json",
    "config",
    "set",
    "print-config",
    "adopt",
    "no-restart",
    "out",
    "containerd-version",
    "fail-on",
  ];
  for (const shell of ["bash", "zsh", "fish"]) {
    const script = await completion(shell);
    for (const name of commands) assert.match(script, new RegExp(`\\b${name}\\b`), `${shell}: ${name}`);
    for (const name of options)
      assert.match(script, new RegExp(`(?:--|-l )${name}\\b`), `${shell}: --${name}`);
  }
});
