import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { CommandIo } from "../../src/cli/command.ts";
import { type ValidateOptions, validate } from "../../src/cli/validate.ts";
import { readDesiredStateSources } from "../../src/edge/read-desired-state-sources.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createFiles } from "../../src/host/files.ts";

const DIRECTORY = "test/golden/validate";

test("ten mistakes and more in one file come out at once, each with place and fix", async () => {
  const { code, stdout, stderr } = await run([`${DIRECTORY}/ten-mistakes.yaml`]);
  assert.equal(stdout, readFileSync(`${DIRECTORY}/ten-mistakes.txt`, "utf8"));
  assert.equal(stderr, "13 errors, 1 warning in 1 input: nothing of this would be applied\n");
  assert.equal(code, 65);
});

test("a valid file says so on stderr, and nothing on stdout", async () => {
  assert.deepEqual(await run([`${DIRECTORY}/valid.yaml`]), {
    code: 0,
    stdout: "",
    stderr: "0 errors, 0 warnings in 1 input: valid, 2 registries\n",
  });
});

test("--json is one document with a schema", async () => {
  const { stdout, code } = await run([`${DIRECTORY}/valid.yaml`], {}, true);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), {
    schema: "mirrorlet.validate/v1",
    valid: true,
    issues: [],
    registries: [
      { namespace: "gcr.io", mirrors: ["https://[2001:db8::1]:5000"], upstream: "never" },
      { namespace: "docker.io", mirrors: ["https://[2001:db8::1]:5000"], upstream: "allow" },
    ],
  });
});

test("--containerd-version adds what that version cannot do; a bad one is a usage error", async () => {
  const old = await run([`${DIRECTORY}/valid.yaml`], { containerdVersion: "1.7.24" });
  assert.equal(old.code, 65);
  assert.match(
    old.stdout,
    /valid\.yaml:4:15: containerd 1\.7\.24 cannot read an IPv6 literal.*\(ipv6-literal\)\n/,
  );
  assert.equal((await run([`${DIRECTORY}/valid.yaml`], { containerdVersion: "2.1.9" })).code, 0);
  assert.equal((await run([`${DIRECTORY}/valid.yaml`], { containerdVersion: "new" })).code, 64);
});

test("a file that is not there is an issue like any other", async () => {
  const { code, stdout } = await run([`${DIRECTORY}/absent.yaml`]);
  assert.equal(code, 65);
  assert.match(stdout, /^test\/golden\/validate\/absent\.yaml:1:1: .*\(file-missing\)\n$/);
});

async function run(paths: readonly string[], options: ValidateOptions = {}, json = false) {
  let [stdout, stderr] = ["", ""];
  const io: CommandIo = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    color: false,
    json,
  };
  const code = await validate(paths, options, io, {
    files: createFiles(),
    clock: { now: () => Date.now() },
    certificates: inspectCertificates,
    readSources: (names) => readDesiredStateSources(names, { root: "", trust: "anyone" }),
    accept: async (files) => ({ ok: true, files, issues: [] }),
  });
  return { code, stdout, stderr };
}
