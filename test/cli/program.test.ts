import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExitCode } from "../../src/cli/command.ts";
import type { Commands } from "../../src/cli/commands.ts";
import { runProgram } from "../../src/cli/program.ts";

const names = [
  "agent",
  "apply",
  "plan",
  "restore",
  "status",
  "explain",
  "validate",
  "render",
  "version",
] as const;

/** Runs the program with commands that only note what they were called with. */
async function run(argv: readonly string[], result: ExitCode = 0) {
  const calls: [name: string, ...values: unknown[]][] = [];
  let stdout = "";
  let stderr = "";
  const note =
    (name: string) =>
    async (...values: unknown[]) => {
      calls.push([name, ...values]);
      return result;
    };
  const commands = Object.fromEntries(names.map((name) => [name, note(name)])) as unknown as Commands;
  const code = await runProgram(argv, commands, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { code, calls, stdout, stderr };
}

/** The options a command got, of those that were asked for. */
async function options(argv: readonly string[], ...keys: readonly string[]) {
  const { code, calls, stderr } = await run(argv);
  assert.equal(code, 0, stderr);
  const given = calls[0]?.at(-1) as Record<string, unknown>;
  return Object.fromEntries(keys.map((key) => [key, given[key]]));
}

test("commands get their arguments, and what they return is the exit code", async () => {
  for (const code of [0, 1, 2, 65, 78] as const) assert.equal((await run(["version"], code)).code, code);
  const { calls } = await run(["validate", "a.yaml", "b"]);
  assert.deepEqual([calls[0]?.[0], calls[0]?.[1]], ["validate", ["a.yaml", "b"]]);
  assert.deepEqual((await run(["explain", "gcr.io/x:1", "--no-probe"])).calls[0]?.[1], "gcr.io/x:1");
});

test("global options stand before or after the command", async () => {
  const expected = { root: "/srv/image", json: true };
  assert.deepEqual(await options(["--root", "/srv/image/", "--json", "restore"], "root", "json"), expected);
  assert.deepEqual(await options(["restore", "--json", "--root=/srv/image"], "root", "json"), expected);
  assert.deepEqual(await options(["restore"], "root", "json"), { root: "", json: false });
  assert.deepEqual(await options(["restore", "--root", "/"], "root"), { root: "" });
  assert.deepEqual(await options(["restore", "--root", "x"], "root"), { root: `${process.cwd()}/x` });
});

test("options of single commands", async () => {
  assert.deepEqual(await options(["agent", "--set", "a=1", "--set", "b=2"], "set", "printConfig", "config"), {
    set: ["a=1", "b=2"],
    printConfig: false,
    config: undefined,
  });
  assert.deepEqual(
    await options(["agent", "--print-config", "--config", "x"], "set", "printConfig", "config"),
    {
      set: [],
      printConfig: true,
      config: "x",
    },
  );
  const change = ["noRestart", "adopt"];
  assert.deepEqual(await options(["apply", "f"], ...change), { noRestart: false, adopt: false });
  assert.deepEqual(await options(["plan", "f", "--no-restart", "--adopt"], ...change), {
    noRestart: true,
    adopt: true,
  });
  const render = ["render", "f", "--out", "o", "--containerd-version", "1.7.24", "--containerd-config", "c"];
  assert.deepEqual(await options(render, "out", "containerdVersion", "containerdConfig"), {
    out: "o",
    containerdVersion: "1.7.24",
    containerdConfig: "c",
  });
});

test("usage errors are 64, say what is wrong on stderr, and run nothing", async () => {
  const wrong: readonly [argv: string[], complaint: RegExp][] = [
    [[], /^Usage: mirrorlet COMMAND/],
    [["plna"], /unknown command 'plna'\n\(Did you mean plan\?\)/],
    [["statsu"], /unknown command 'statsu'\n\(Did you mean status\?\)/],
    [["apply"], /missing required argument 'file'\n\(mirrorlet apply --help/],
    [["restore", "x"], /too many arguments/],
    [["render", "f"], /required option '--out <dir>' not specified/],
    [["explain", "x", "--no-prob"], /\(Did you mean --no-probe\?\)/],
    [["--root", "", "version"], /'--root <dir>' argument '' is invalid/],
    [["completion", "tcsh"], /Allowed choices are bash, zsh, fish/],
    [["agent", "--set"], /argument missing/],
  ];
  for (const [argv, complaint] of wrong) {
    const { code, calls, stdout, stderr } = await run(argv);
    assert.deepEqual([code, calls, stdout], [64, [], ""], argv.join(" "));
    assert.match(stderr, complaint);
  }
});

test("help is data: on stdout, 0, with an example for every command", async () => {
  for (const argv of [["--help"], ["help"], ["-h"]]) {
    const { code, stdout, stderr } = await run(argv);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      stdout,
      /On this node:[\s\S]*agent[\s\S]*Desired state, anywhere:[\s\S]*validate[\s\S]*Other:[\s\S]*version/,
    );
    assert.match(stdout, /Exit codes: 0 fine/);
  }
  for (const name of [...names, "completion"]) {
    const { stdout } = await run([name, "--help"]);
    assert.match(stdout, new RegExp(`^Usage: mirrorlet ${name}`));
    assert.match(stdout, new RegExp(`Example:\n {2}mirrorlet ${name}`));
    assert.doesNotMatch(stdout, /default: (?:false|""|\[\])/);
    assert.equal((await run(["help", name])).stdout, stdout);
  }
});

test("the examples in the help are accepted", async () => {
  for (const name of names) {
    const { stdout } = await run([name, "--help"]);
    const line = /Example:\n {2}mirrorlet (.*)/.exec(stdout)?.[1] ?? "";
    const { code, calls, stderr } = await run(line.split(" "));
    assert.deepEqual([code, stderr, calls[0]?.[0]], [0, "", name]);
  }
});

test("what a command throws is not taken for a usage error", async () => {
  const commands = { version: () => Promise.reject(new Error("boom")) } as unknown as Commands;
  const output = { stdout: () => {}, stderr: () => {} };
  await assert.rejects(runProgram(["version"], commands, output), /boom/);
});
