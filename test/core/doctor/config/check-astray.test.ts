import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTS_D, CONFIG, goodConfig, type NodeFiles, RELEASES } from "../../../support/doctored-node.ts";
import { config, cri, findingsOfConfig, GCR, MIRROR, registry, told } from "./support/told.ts";

const grpc = '[plugins."io.containerd.grpc.v1.cri"';
const images = '[plugins."io.containerd.cri.v1.images"';
const path = `config_path = "${CERTS_D}"\n`;
const one = ["1.6.20", "1.7.24"];
const two = ["2.0.5", "2.1.9", "2.2.7", "2.3.4"];

test("config-section-ignored: a section of the other generation", async () => {
  const expected = ["error config-section-ignored config.toml:2"];
  for (const release of RELEASES) {
    const [head, wrong] = one.includes(release) ? ["version = 2\n", images] : ["version = 3\n", grpc];
    const text = `${head}${wrong}.registry]\n${path}`;
    assert.deepEqual(await told({ [CONFIG]: text, [GCR]: MIRROR }, release), expected, release);
    const both = `${text}${one.includes(release) ? grpc : images}.registry]\n${path}`;
    assert.deepEqual(
      await told({ [CONFIG]: both, [GCR]: MIRROR }, release),
      [],
      "one section for each release",
    );
    assert.deepEqual(
      await told(text, release),
      ["warning config-section-ignored config.toml:2"],
      "nothing there yet",
    );
    assert.deepEqual(await told(`${head}${wrong}.registry]\nconfig_path = ""\n`, release), [], release);
  }
  const migrated = `version = 2\n${grpc}.registry]\n${path}`;
  for (const release of two) assert.deepEqual(await told({ [CONFIG]: migrated, [GCR]: MIRROR }, release), []);
});

test("config-section-ignored: full names without a version, until 2.3", async () => {
  const text = `${grpc}.registry]\n${path}`;
  for (const release of [...one, "2.0.5", "2.1.9"]) {
    const [found] = await findingsOfConfig({ [CONFIG]: text, [GCR]: MIRROR }, release);
    assert.deepEqual([found?.code, found?.severity], ["config-section-ignored", "error"], release);
    assert.equal(
      found?.fix,
      "write `version = 2` at the top of /etc/containerd/config.toml and restart containerd",
    );
    assert.equal(found.consequence, "every pull of gcr.io goes straight to https://gcr.io");
  }
  assert.deepEqual(await told({ [CONFIG]: text, [GCR]: MIRROR }, "2.3.4"), []);
});

test("config-section-ignored: a version 3 drop-in beside a version 2 config.toml, on 2.0 to 2.2", async () => {
  const files = (version: number) => ({
    [CONFIG]: `version = 2\nimports = ["conf.d/*.toml"]\n${grpc}.registry]\n${path}`,
    "/etc/containerd/conf.d/a.toml": `version = ${version}\n[debug]\nlevel = "info"\n`,
    [GCR]: MIRROR,
  });
  for (const release of ["2.0.5", "2.1.9", "2.2.7"]) {
    const [found] = await findingsOfConfig(files(3), release);
    assert.deepEqual([found?.code, found?.severity], ["config-section-ignored", "error"], release);
    assert.match(found?.fix ?? "", /give \/etc\/containerd\/conf\.d\/a\.toml `version = 2`/);
    assert.deepEqual(await told(files(2), release), [], release);
  }
});

test("config-section-ignored: mirrors and credentials are lost as much as a config_path", async () => {
  const mirrors = `version = 3\n${grpc}.registry.mirrors."gcr.io"]\nendpoint = ["https://m.example"]\n`;
  assert.deepEqual(await told(mirrors, "2.1.9"), ["error config-section-ignored config.toml:2"]);
  const auth = `version = 3\n${grpc}.registry.configs."m.example".auth]\nusername = "u"\npassword = "secret"\n`;
  const [found] = await findingsOfConfig({ [CONFIG]: auth }, "2.1.9");
  assert.deepEqual([found?.code, found?.severity], ["config-section-ignored", "warning"]);
  assert.doesNotMatch(JSON.stringify(found), /secret/);
});

test("config-path-misplaced: where nobody looks, unless the right place says the same", async () => {
  const places = (release: string) => [
    config(release, "").replace(/\n$/, `\n${path}`),
    config(release, `${cri(release)}]\n${path}`),
    config(release, `[plugins."io.containerd.transfer.v1.local"]\n${path}`),
    config(release, `[registry]\n${path}`),
  ];
  for (const release of RELEASES)
    for (const text of places(release)) {
      const lines = await told({ [CONFIG]: text, [GCR]: MIRROR }, release);
      assert.equal(lines.length, 1, `${release} ${lines}`);
      assert.match(lines[0] ?? "", /^error config-path-misplaced config\.toml:[23]$/, release);
      const right = `${text}${cri(release)}.registry]\n${path}`;
      assert.deepEqual(await told({ [CONFIG]: right, [GCR]: MIRROR }, release), [], release);
    }
});

test("config-path-misplaced: a plugin's name without its quotes, where that lets containerd start", async () => {
  const text = `version = 3\n[plugins.io.containerd.cri.v1.images.registry]\n${path}`;
  const [found] = await findingsOfConfig({ [CONFIG]: text, [GCR]: MIRROR }, "2.1.9");
  assert.deepEqual([found?.code, found?.severity], ["config-path-misplaced", "error"]);
  assert.match(found?.fact ?? "", /needs quotes/);
  const old = text.replace("version = 3", "version = 2");
  assert.deepEqual(await told(old, "1.7.24"), ["error plugin-name-refused config.toml:2"]);
});

test("config-key-unknown: with what was meant, as bad as what is missed by it", async () => {
  for (const release of RELEASES) {
    for (const key of ["config-path", "config_paths", "configpath", "config_pth"]) {
      const text = registry(release, `${key} = "${CERTS_D}"\n`);
      const [found, ...more] = await findingsOfConfig({ [CONFIG]: text, [GCR]: MIRROR }, release);
      assert.deepEqual([found?.code, found?.severity, more], ["config-key-unknown", "error", []], key);
      assert.equal(found?.fix, "write config_path and restart containerd");
    }
    const mirrors = config(
      release,
      `${cri(release)}.registry.mirrors."gcr.io"]\nendpoints = ["https://m.example"]\n`,
    );
    const [endpoint] = await findingsOfConfig({ [CONFIG]: mirrors }, release);
    assert.deepEqual([endpoint?.code, endpoint?.severity], ["config-key-unknown", "error"], release);
    assert.equal(endpoint?.consequence, "every pull of gcr.io goes straight to https://gcr.io");
    const extra = `${goodConfig(release)}insecure = true\n`;
    assert.deepEqual(await told(extra, release), ["info config-key-unknown config.toml:4"], release);
  }
  const folded = registry("2.1.9", `Config_Path = "${CERTS_D}"\n`);
  assert.deepEqual(await told({ [CONFIG]: folded, [GCR]: MIRROR }, "2.1.9"), [], "2.x reads any case");
});

const imports = 'imports = ["/etc/containerd/conf.d/*.toml"]\n';
const dropIn = "/etc/containerd/conf.d/99-tool.toml";

test("import-replaces-cri: on 1.x the whole section goes, registry, SystemdCgroup and all", async () => {
  const runc = `${grpc}.containerd.runtimes.runc.options]\nSystemdCgroup = true\n`;
  const files: NodeFiles = {
    [CONFIG]: `version = 2\n${imports}${grpc}.registry]\n${path}${runc}`,
    [dropIn]: `version = 2\n${grpc}]\nenable_cdi = true\n`,
    [GCR]: MIRROR,
  };
  for (const release of one) {
    const [found, ...more] = await findingsOfConfig(files, release);
    assert.deepEqual([found?.code, found?.severity, more], ["import-replaces-cri", "error", []], release);
    assert.deepEqual(found?.where, { kind: "file", at: { file: dropIn, line: 2, column: 1 } });
    assert.match(found.fact, /config_path = .* and containerd\.runtimes\.runc\.options\.SystemdCgroup$/);
    assert.match(found.consequence, /^every pull of gcr\.io goes straight to https:\/\/gcr\.io; /);
    assert.deepEqual(
      await told({ ...files, [dropIn]: "version = 2\n[debug]\nlevel = 'info'\n" }, release),
      [],
    );
  }
  for (const release of two) assert.deepEqual(await told(files, release), [], release);
});

test("import-replaces-cri: a warning where mirrors stay, nothing where nothing is lost", async () => {
  const whole = `version = 2\n${grpc}]\nsandbox_image = "m.example/pause:3.9"\n${grpc}.registry]\n${path}`;
  const files = { [CONFIG]: whole.replace("\n", `\n${imports}`), [dropIn]: whole, [GCR]: MIRROR };
  assert.deepEqual(await told(files, "1.7.24"), []);
  const part = `version = 2\n${grpc}.registry]\n${path}`;
  assert.deepEqual(await told({ ...files, [dropIn]: part }, "1.7.24"), [
    "warning import-replaces-cri 99-tool.toml:2",
  ]);
});

test("import-replaces-cri: a version 3 import beside a version 2 config.toml", async () => {
  const files = {
    [CONFIG]: `version = 2\n${imports}${grpc}.containerd.runtimes.runc.options]\nSystemdCgroup = true\n`,
    [dropIn]: `version = 3\n${images}.registry]\n${path}`,
    [GCR]: MIRROR,
  };
  for (const release of ["2.0.5", "2.1.9", "2.2.7"])
    assert.deepEqual(await told(files, release), ["warning import-replaces-cri config.toml:3"], release);
  assert.deepEqual(await told({ ...files, [dropIn]: "version = 2\n" }, "1.7.24"), [
    "error config-path-unset config.toml:1",
  ]);
});

test("drop-in-not-imported: registry settings that no imports line names", async () => {
  for (const release of RELEASES) {
    const files = (head: string): NodeFiles => ({
      [CONFIG]: config(release, head),
      [dropIn]: registry(release, path),
      [GCR]: MIRROR,
    });
    const [found, ...more] = await findingsOfConfig(files(""), release);
    assert.deepEqual([found?.code, found?.severity, more], ["drop-in-not-imported", "error", []], release);
    assert.match(found?.fix ?? "", one.includes(release) ? /^move its settings/ : /^write imports = /);
    assert.deepEqual(await told(files(imports), release), [], release);
    const elsewhere = 'imports = ["/etc/containerd/config.d/*.toml"]\n';
    assert.deepEqual(await told(files(elsewhere), release), ["error drop-in-not-imported 99-tool.toml:2"]);
    const other = {
      [CONFIG]: goodConfig(release),
      [dropIn]: config(release, `${cri(release)}]\nx = 1\n`),
      [GCR]: MIRROR,
    };
    assert.deepEqual(await told(other, release), [], "no registry settings in it");
    const same = { ...other, [dropIn]: registry(release, path) };
    assert.deepEqual(await told(same, release), [], "in force anyway");
  }
});

test("legacy-tls-ignored: an error for a host that pulls ask without any other TLS settings", async () => {
  const tls = (release: string, host: string) =>
    `${goodConfig(release)}${cri(release)}.registry.configs."${host}".tls]\nca_file = "/ca.crt"\n`;
  for (const release of two) {
    const files = (host: string, hosts = MIRROR) => ({ [CONFIG]: tls(release, host), [GCR]: hosts });
    assert.deepEqual(await told(files("mirror.example"), release), [
      "error legacy-tls-ignored config.toml:4",
    ]);
    const settled = MIRROR.replace("  cap", "  skip_verify = true\n  cap");
    const warning = ["warning legacy-tls-ignored config.toml:4"];
    assert.deepEqual(await told(files("mirror.example", settled), release), warning, release);
    assert.deepEqual(await told(files("nobody.example"), release), warning, release);
  }
});
