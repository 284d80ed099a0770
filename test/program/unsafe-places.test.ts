import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runMirrorlet } from "../e2e/support/mirrorlet.ts";

const skip = process.getuid?.() === 0 ? false : "only root can give files away";
const NOBODY = 65_534;

test("agent, apply and restore refuse a state directory and an environment file that others may write", {
  skip,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mirrorlet-places-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [state, env, config] = [join(dir, "state"), join(dir, "traces.env"), join(dir, "agent.toml")];
  mkdirSync(state, { mode: 0o700 });
  writeFileSync(env, "");
  writeFileSync(
    config,
    `state_dir = "${state}"\ndesired_state = "${join(dir, "none.yaml")}"\n[containerd]\nenvironment_file = "${env}"\nbinary = "/bin/false"\n`,
  );
  const unsafe: Readonly<Record<string, readonly [() => void, () => void, RegExp]>> = {
    "a state directory for all": [
      () => chmodSync(state, 0o777),
      () => chmodSync(state, 0o700),
      /state_dir is not safe: .*mode 0777/,
    ],
    "an environment file for all": [
      () => chmodSync(env, 0o666),
      () => chmodSync(env, 0o600),
      /containerd\.environment_file is not safe: .*mode 0666/,
    ],
    "an environment file of another": [
      () => chownSync(env, NOBODY, 0),
      () => chownSync(env, 0, 0),
      /environment_file is not safe: .* belongs to user 65534/,
    ],
    "a directory above for all": [
      () => chmodSync(dir, 0o777),
      () => chmodSync(dir, 0o700),
      /state_dir is not safe|agent\.toml:1:1: .*mode 0777/,
    ],
  };
  for (const [what, [spoil, mend, message]] of Object.entries(unsafe)) {
    spoil();
    for (const command of [["agent"], ["apply", join(dir, "none.yaml")], ["restore"]]) {
      const { code, stderr } = await runMirrorlet([...command, "--config", config]);
      assert.equal(code, 78, `${what}: ${command[0]}: ${stderr}`);
      assert.match(stderr, message, `${what}: ${command[0]}`);
    }
    assert.deepEqual(readdirSync(state), [], what);
    mend();
  }
  const { code, stderr } = await runMirrorlet(["apply", join(dir, "none.yaml"), "--config", config]);
  assert.notEqual(code, 78, stderr);
});
