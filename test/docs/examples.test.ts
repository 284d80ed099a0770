import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createCa } from "../support/tls.ts";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "../..");
const mirrorlet = (...args: readonly string[]) =>
  run(process.execPath, ["--import", "tsx", join(repository, "src/main.ts"), ...args]);

test("the examples of the documentation are valid on a node that has the files they name", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "mirrorlet-docs-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const pki = join(root, "etc/mirrorlet/pki");
  await mkdir(pki, { recursive: true });
  await cp(join(repository, "docs/examples"), join(root, "examples"), { recursive: true });
  await writeFile(join(pki, "mirror-ca.crt"), (await createCa()).cert);
  const auths = Object.fromEntries(
    ["mirror.example:5000", "172.18.0.20:5000"].map((host) => [host, { auth: btoa("puller:secret") }]),
  );
  await writeFile(join(pki, "pull.json"), JSON.stringify({ auths }));

  const examples = (await readdir(join(root, "examples"))).filter((name) => name.endsWith(".yaml"));
  assert.equal(examples.length, 5);
  for (const name of examples) {
    const { stdout } = await mirrorlet("validate", "--root", root, "--json", `/examples/${name}`);
    const { valid, issues, registries } = JSON.parse(stdout);
    // The lab's CA is good for two days only, and an example shows a registry by digest only.
    const known = ["certificate-expires-soon", "never-digest-only"];
    const unexpected = issues.filter((issue: { code: string }) => !known.includes(issue.code));
    assert.deepEqual({ name, valid, unexpected }, { name, valid: true, unexpected: [] });
    assert.ok(registries.length > 0, name);
  }
});

test("the example of agent.toml is accepted, and says what the defaults are", async (t) => {
  const empty = await mkdtemp(join(tmpdir(), "mirrorlet-docs-"));
  t.after(() => rm(empty, { recursive: true, force: true }));
  const config = join(repository, "docs/examples/agent.toml");
  const [own, none] = await Promise.all([
    mirrorlet("agent", "--print-config", "--config", config),
    mirrorlet("agent", "--print-config", "--root", empty),
  ]);
  const values = (text: string) => text.replace(/ +#.*$/gm, "");
  assert.match(own.stdout, /desired_state = .*agent\.toml:2/);
  assert.equal(values(own.stdout), values(none.stdout));
});
