import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { runProgram } from "../../src/cli/program.ts";
import type { FindingCode } from "../../src/core/doctor/finding.ts";
import { FINDINGS } from "../../src/core/doctor/finding-catalogue.ts";
import { composeCommands } from "../../src/program/compose-commands.ts";
import { CERTS_D, CONFIG, goodConfig } from "../support/doctored-node.ts";

const GCR = `${CERTS_D}/gcr.io/hosts.toml`;
const GOOD_HOSTS = `[host."https://mirror.example:5000"]\n  capabilities = ["pull", "resolve"]\n`;
const TYPO = GOOD_HOSTS.replace('"resolve"', '"resolv"');

/** A tree with these files, as `--root` is given one. */
function treeWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-doctor-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** The whole command line, on the machine's real adapters. */
async function mirrorlet(...args: readonly string[]) {
  let stdout = "";
  let stderr = "";
  const output = {
    stdout(text: string) {
      stdout += text;
    },
    stderr(text: string) {
      stderr += text;
    },
  };
  const commands = composeCommands(({ json }) => ({ ...output, json, color: false }));
  const code = await runProgram(args, commands, output);
  return { code, stdout, stderr, lines: stdout.split("\n") };
}

const doctor = (root: string, ...more: readonly string[]) =>
  mirrorlet("--root", root, "doctor", "--no-probe", "--containerd-version", "1.7.24", ...more);

/** How the one thing that is wrong with a hosts.toml of TYPO is called. */
async function codeOfTypo(root: string): Promise<string> {
  const { findings } = JSON.parse((await doctor(root, "--json")).stdout);
  assert.equal(findings.length, 1);
  return findings[0].code;
}

test("a clean node is 0 with its verdict in the first line", async (t) => {
  const root = treeWith(t, { [CONFIG]: goodConfig("1.7.24"), [GCR]: GOOD_HOSTS });
  const { code, lines } = await doctor(root);
  assert.equal(code, 0);
  assert.match(lines[0] ?? "", /^Nothing found/);
});

test("a finding is 1: what, where, what it means for pulls, and the fix", async (t) => {
  const root = treeWith(t, { [CONFIG]: goodConfig("1.7.24"), [GCR]: TYPO });
  const { code, stdout, lines } = await doctor(root);
  assert.equal(code, 1);
  assert.match(lines[0] ?? "", /^1 error\b/);
  assert.match(stdout, new RegExp(`^error ${await codeOfTypo(root)}\\b`, "m"));
  assert.match(stdout, /\/etc\/containerd\/certs\.d\/gcr\.io\/hosts\.toml:\d+:\d+/);
  assert.match(stdout, /every pull of gcr\.io goes straight to https:\/\/gcr\.io/);
  assert.doesNotMatch(stdout, new RegExp(root), "paths are the node's own");
});

test("--json is one document with the shape that others rely on", async (t) => {
  const root = treeWith(t, { [CONFIG]: goodConfig("1.7.24"), [GCR]: TYPO });
  const { code, stdout } = await doctor(root, "--json");
  assert.equal(code, 1);
  const document = JSON.parse(stdout);
  assert.equal(document.schema, "mirrorlet.doctor/v1");
  assert.equal(document.containerdVersion, "1.7.24");
  const [finding] = document.findings;
  assert.deepEqual(Object.keys(finding), [
    "code",
    "severity",
    "title",
    "where",
    "fact",
    "consequence",
    "fix",
  ]);
  assert.deepEqual(Object.keys(finding.where), ["file", "line", "column"]);
  assert.equal(finding.where.file, GCR);
  assert.equal(finding.title, FINDINGS[finding.code as FindingCode]);
  for (const { what, why } of document.notChecked) assert.ok(what !== "" && why !== "");
});

test("--only and --skip choose what is told, and with it the exit code", async (t) => {
  const root = treeWith(t, { [CONFIG]: goodConfig("1.7.24"), [GCR]: TYPO });
  const codes = async (...more: readonly string[]) => {
    const { code, stdout } = await doctor(root, "--json", ...more);
    const document = JSON.parse(stdout) as { findings: readonly { code: string }[] };
    return [code, ...document.findings.map((finding) => finding.code)];
  };
  const typo = await codeOfTypo(root);
  const other = "daemon-not-running";
  assert.deepEqual(await codes("--only", typo), [1, typo]);
  assert.deepEqual(await codes("--only", other), [0]);
  assert.deepEqual(await codes("--only", other, "--only", typo), [1, typo]);
  assert.deepEqual(await codes("--only", typo, "--skip", typo), [0]);
});

test("--fail-on says how bad is bad enough", async (t) => {
  const website = `server = "https://docker.io"\n${GOOD_HOSTS}`;
  const root = treeWith(t, { [CONFIG]: goodConfig("1.7.24"), [`${CERTS_D}/docker.io/hosts.toml`]: website });
  const { findings } = JSON.parse((await doctor(root, "--json")).stdout);
  assert.deepEqual(
    findings.map(({ severity }: { severity: string }) => severity),
    ["warning"],
  );
  const codes = ["error", "warning", "info"].map(async (severity) => {
    return (await doctor(root, "--fail-on", severity)).code;
  });
  assert.deepEqual(await Promise.all(codes), [0, 1, 1]);
});

test("64 for a code that nobody has and for a severity that there is not", async (t) => {
  const root = treeWith(t, {});
  for (const option of ["--only", "--skip"]) {
    const { code, stderr, stdout } = await doctor(root, option, "no-such-code");
    assert.deepEqual([code, stdout], [64, ""]);
    assert.match(stderr, /no-such-code is no code of a finding/);
  }
  assert.equal((await doctor(root, "--fail-on", "nothing")).code, 64);
  assert.equal((await mirrorlet("doctor", "--no-probe", "--containerd-version", "x")).code, 64);
});

test("2 when the version or a file cannot be known", async (t) => {
  const root = treeWith(t, { [`${CONFIG}/is-a-directory`]: "" });
  const unreadable = await doctor(root);
  assert.equal(unreadable.code, 2);
  assert.match(unreadable.stderr, /cannot read \/etc\/containerd\/config\.toml/);
  const { code, stderr } = await mirrorlet("--root", root, "doctor", "--no-probe");
  assert.equal(code, 2);
  assert.match(stderr, /--containerd-version/);
});

test("nothing on the node is changed", async (t) => {
  const root = treeWith(t, { [CONFIG]: goodConfig("1.7.24"), [GCR]: TYPO });
  await doctor(root);
  const paths = readdirSync(root, { recursive: true }).map(String).sort();
  assert.deepEqual(paths, [
    "etc",
    "etc/containerd",
    "etc/containerd/certs.d",
    "etc/containerd/certs.d/gcr.io",
    "etc/containerd/certs.d/gcr.io/hosts.toml",
    "etc/containerd/config.toml",
  ]);
  assert.equal(readFileSync(join(root, GCR), "utf8"), TYPO);
});
