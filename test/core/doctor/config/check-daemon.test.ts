import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG, findingsOf, RELEASES } from "../../../support/doctored-node.ts";
import { config, cri, GCR, MIRROR, told } from "./support/told.ts";

test("config-not-toml: syntax errors everywhere, a byte order mark on 2.x", async () => {
  for (const release of RELEASES) {
    const broken = config(release, 'imports = ["a"\nx = 1\n');
    assert.deepEqual(await told(broken, release), ["error config-not-toml config.toml:3"], release);
    assert.deepEqual(await told(broken.replace('"a"', '"/etc/containerd/*.toml"]'), release), [], release);
    const marked = await told(`\ufeff${config(release, "")}`, release);
    const expected = release.startsWith("1.") ? [] : ["error config-not-toml config.toml:1"];
    assert.deepEqual(marked, expected, release);
  }
});

test("config-not-toml: an import that does not read stops containerd as much, and all else is silent", async () => {
  const files = {
    [CONFIG]: config("2.1.9", 'imports = ["/etc/containerd/conf.d/*.toml"]\n'),
    "/etc/containerd/conf.d/a.toml": "x =\n",
    [GCR]: MIRROR,
  };
  for (const release of RELEASES.slice(2))
    assert.deepEqual(await told(files, release), ["error config-not-toml a.toml:1"], release);
});

test("config-wrong-type", async () => {
  for (const release of RELEASES) {
    const text = config(release, `${cri(release)}.registry]\nconfig_path = ["/etc/containerd/certs.d"]\n`);
    assert.deepEqual(await told(text, release), ["error config-wrong-type config.toml:3"], release);
    assert.deepEqual(await told(text.replace(/[[\]]"|"]$/gm, '"'), release), [], release);
  }
});

test("config-version-refused: by the release's highest version, not by 1.6", async () => {
  const highest = { "1.6.20": 9, "1.7.24": 2, "2.1.9": 3, "2.2.7": 3, "2.3.4": 4 };
  for (const release of RELEASES) {
    assert.deepEqual(await told(`version = ${highest[release]}\n`, release), [], release);
    const above = await told(`\nversion = ${highest[release] + 1}\n`, release);
    const expected = release === "1.6.20" ? [] : ["error config-version-refused config.toml:2"];
    assert.deepEqual(above, expected, release);
  }
});

test("config-version-refused: a drop-in above config.toml, from 2.3 on", async () => {
  const files = (version: number) => ({
    [CONFIG]: 'version = 2\nimports = ["conf.d/*.toml"]\n',
    "/etc/containerd/conf.d/a.toml": `version = ${version}\n`,
  });
  assert.deepEqual(await told(files(3), "2.3.4"), ["error config-version-refused a.toml:1"]);
  assert.deepEqual(await told(files(2), "2.3.4"), []);
  assert.deepEqual(await told(files(3), "2.1.9"), []);
});

test("plugin-name-refused", async () => {
  for (const release of RELEASES) {
    const text = config(release, 'disabled_plugins = ["restart"]\n');
    assert.deepEqual(await told(text, release), ["error plugin-name-refused config.toml:2"], release);
    const full = text.replace('"restart"', '"io.containerd.internal.v1.restart"');
    assert.deepEqual(await told(full, release), [], release);
  }
  const table = "version = 2\n[plugins.cri]\n";
  assert.deepEqual(await told(table, "1.7.24"), ["error plugin-name-refused config.toml:2"]);
});

test("import-missing: a file by its name, not a pattern", async () => {
  for (const release of RELEASES) {
    const text = config(release, '\nimports = ["/etc/containerd/conf.d/*.toml", "/etc/containerd/x.toml"]\n');
    assert.deepEqual(await told(text, release), ["error import-missing config.toml:3"], release);
    assert.deepEqual(await told({ [CONFIG]: text, "/etc/containerd/x.toml": "" }, release), [], release);
    const [finding] = await findingsOf({ [CONFIG]: text, "/etc/containerd/x.toml": undefined }, release);
    assert.equal(finding?.code, "import-missing");
    assert.match(finding.fact, /directory/, "an import that is a directory");
  }
});

test("the fact has containerd's words, the consequence the whole node, the fix the line", async () => {
  const [finding] = await findingsOf({ [CONFIG]: "version = 3\n", [GCR]: MIRROR }, "1.7.24");
  assert.equal(
    finding?.fact,
    "containerd 1.7.24 does not start with this: unsupported config version `3`, the max version is `2`",
  );
  assert.match(finding.consequence, /no image is pulled and no pod starts on this node/);
  assert.equal(
    finding.fix,
    "set version = 2 in line 1 of /etc/containerd/config.toml, with the sections of that version, then restart containerd",
  );
});

test("import-missing: what a pattern finds and containerd cannot open", async () => {
  const where = "/etc/containerd/conf.d/a.toml";
  for (const release of RELEASES) {
    const text = config(release, 'imports = ["/etc/containerd/conf.d/*.toml"]\n');
    for (const [name, content] of Object.entries({ dangling: { link: "/nowhere" }, directory: undefined })) {
      const [finding, ...more] = await findingsOf({ [CONFIG]: text, [where]: content }, release);
      assert.equal(finding?.code, "import-missing", `${release} ${name}`);
      assert.match(finding.fact, /conf\.d\/a\.toml: (?:no such file or directory|is a directory)$/);
      assert.match(
        finding.fix,
        /^ls -l \/etc\/containerd\/conf\.d\/a\.toml, then put a file there or move it away: /,
      );
      assert.deepEqual(more, []);
      assert.deepEqual(
        await told({ [CONFIG]: text, [where.replace(".toml", ".off")]: content }, release),
        [],
      );
    }
  }
});

test("plugin-name-refused: CRI is taken out of the disabled plugins, not disabled by its full name", async () => {
  for (const release of RELEASES) {
    const text = config(release, 'disabled_plugins = ["cri"]\n');
    const [finding] = await findingsOf({ [CONFIG]: text }, release);
    assert.equal(finding?.code, "plugin-name-refused", release);
    assert.match(finding.fix, /^take "cri" out of disabled_plugins in line 2 /);
  }
});
