import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTS_D, CONFIG, findingsOf, goodConfig, RELEASES } from "../../../support/doctored-node.ts";
import { config, cri, findingsOfConfig, GCR, MIRROR, told } from "./support/told.ts";

const LIST = `${CERTS_D}:/etc/docker/certs.d`;
const transfer = ["2.1.9", "2.2.7", "2.3.4"];

test("config-path-list: a list where the transfer service pulls, and nowhere else", async () => {
  for (const release of transfer) {
    const files = { [CONFIG]: goodConfig(release, LIST), [GCR]: MIRROR };
    const [found] = await findingsOf(files, release);
    assert.deepEqual([found?.code, found?.severity], ["config-path-list", "error"], release);
    assert.deepEqual(found?.where, { kind: "file", at: { file: CONFIG, line: 3, column: 3 } });
    assert.equal(
      found.consequence,
      "no hosts.toml is read: every pull of gcr.io goes straight to https://gcr.io",
    );
    assert.equal(
      found.fix,
      'set config_path = "/etc/containerd/certs.d" in line 3 of /etc/containerd/config.toml and restart containerd',
    );
    assert.deepEqual(await told(goodConfig(release, LIST), release), [
      "warning config-path-list config.toml:3",
    ]);
    assert.deepEqual(await told({ ...files, [CONFIG]: goodConfig(release) }, release), [], release);
  }
  for (const release of ["1.6.20", "1.7.24", "2.0.5"])
    assert.deepEqual(
      await told({ [CONFIG]: goodConfig(release, LIST), [GCR]: MIRROR }, release),
      [],
      release,
    );
});

test("config-path-list: the default of 2.2 is told of only where hosts.toml files are", async () => {
  for (const release of ["2.2.0", "2.2.7", "2.3.4"]) {
    for (const text of [undefined, "version = 3\n"]) {
      const main = text === undefined ? {} : { [CONFIG]: text };
      assert.deepEqual(await told(main, release), [], release);
      const [found] = await findingsOf({ ...main, [GCR]: MIRROR }, release);
      assert.deepEqual([found?.code, found?.severity], ["config-path-list", "error"], release);
      assert.match(found?.fact ?? "", /^config_path is not set, and the default/);
      assert.match(found?.fix ?? "", /under \[plugins\."io\.containerd\.cri\.v1\.images"\.registry\] in /);
    }
  }
  const docker = { "/etc/docker/certs.d/gcr.io/ca.crt": "Docker's own" };
  assert.deepEqual(await told(docker, "2.2.7"), []);
});

test("config-path-list-fragile: a list that is split thanks to something else, by its name and place", async () => {
  for (const release of transfer) {
    const text = `${goodConfig(release, LIST)}${cri(release)}]\ndiscard_unpacked_layers = true\n`;
    const [found, ...more] = await findingsOfConfig({ [CONFIG]: text, [GCR]: MIRROR }, release);
    assert.deepEqual([found?.code, found?.severity], ["config-path-list-fragile", "warning"], release);
    assert.match(
      found?.fact ?? "",
      /only because DiscardUnpackedLayers \(\/etc\/containerd\/config\.toml:5\)/,
    );
    assert.equal(more.length, 0);
    assert.deepEqual(await told(text, release), [], "no hosts.toml, no harm");
    assert.deepEqual(
      await told({ [CONFIG]: text.replace(LIST, CERTS_D), [GCR]: MIRROR }, release),
      [],
      release,
    );
  }
});

test("config-path-unset: where hosts.toml files are, and nothing reads them", async () => {
  for (const release of ["1.6.20", "1.7.24", "2.0.5", "2.1.9"]) {
    for (const text of [config(release, ""), goodConfig(release, "")]) {
      const [found, ...more] = await findingsOfConfig({ [CONFIG]: text, [GCR]: MIRROR }, release);
      assert.deepEqual([found?.code, found?.severity], ["config-path-unset", "error"], release);
      assert.equal(found?.consequence, "every pull of gcr.io goes straight to https://gcr.io");
      assert.equal(more.length, 0);
    }
    assert.deepEqual(await told(config(release, ""), release), [], release);
    const certs = { [CONFIG]: config(release, ""), [`${CERTS_D}/gcr.io/ca.crt`]: "a certificate" };
    assert.deepEqual(await told(certs, release), ["error config-path-unset config.toml:1"], release);
  }
});

test("config-path-unset: registry.mirrors that do the same work make it a warning", async () => {
  const files = (namespace: string) => ({
    [CONFIG]: config(
      "1.7.24",
      `${cri("1.7.24")}.registry.mirrors."${namespace}"]\nendpoint = ["https://m.example"]\n`,
    ),
    [GCR]: MIRROR,
  });
  assert.deepEqual(await told(files("gcr.io"), "1.7.24"), ["warning config-path-unset config.toml:1"]);
  assert.deepEqual(await told(files("*"), "1.7.24"), ["warning config-path-unset config.toml:1"]);
  assert.deepEqual(await told(files("quay.io"), "1.7.24"), ["error config-path-unset config.toml:1"]);
});

test("config-path-elsewhere: the files are in another directory than the one that is read", async () => {
  for (const release of RELEASES) {
    const files = { [CONFIG]: goodConfig(release, "/etc/containerd/cert.d"), [GCR]: MIRROR };
    const [found, ...more] = await findingsOfConfig(files, release);
    assert.deepEqual([found?.code, found?.severity], ["config-path-elsewhere", "error"], release);
    assert.match(
      found?.fact ?? "",
      /does not exist; configuration for gcr\.io is in \/etc\/containerd\/certs\.d$/,
    );
    assert.equal(more.length, 0);
    assert.deepEqual(await told({ [CONFIG]: files[CONFIG] ?? "" }, release), [], "nothing anywhere");
    for (const same of [`${CERTS_D}/`, CERTS_D])
      assert.deepEqual(await told({ [CONFIG]: goodConfig(release, same), [GCR]: MIRROR }, release), [], same);
  }
});

test("config-path-elsewhere: a part of the registries is a warning, a leftover of those that are read is nothing", async () => {
  const files = (other: string) => ({
    [CONFIG]: goodConfig("1.7.24", "/opt/certs.d"),
    "/opt/certs.d/gcr.io/hosts.toml": MIRROR,
    [`${CERTS_D}/${other}/hosts.toml`]: MIRROR,
  });
  assert.deepEqual(await told(files("quay.io"), "1.7.24"), ["warning config-path-elsewhere config.toml:3"]);
  assert.deepEqual(await told(files("gcr.io"), "1.7.24"), []);
});

test("config-path-relative: wrong, or right by luck", async () => {
  for (const release of RELEASES) {
    const files = (path: string) => ({ [CONFIG]: goodConfig(release, path), [GCR]: MIRROR });
    const lucky = await findingsOfConfig(files("etc/containerd/certs.d"), release);
    assert.deepEqual(
      lucky.map(({ code, severity }) => `${severity} ${code}`),
      ["warning config-path-relative"],
      release,
    );
    const [wrong, ...more] = await findingsOfConfig(files("certs.d"), release);
    assert.deepEqual([wrong?.code, wrong?.severity], ["config-path-relative", "error"], release);
    assert.equal(wrong?.consequence, "every pull of gcr.io goes straight to https://gcr.io");
    assert.equal(more.length, 0);
  }
});

test("config-path-no-directory: a file in its place fails every pull", async () => {
  for (const release of RELEASES) {
    const yaml = "/etc/rancher/k3s/registries.yaml";
    const [found, ...more] = await findingsOfConfig(
      { [CONFIG]: goodConfig(release, yaml), [yaml]: "" },
      release,
    );
    assert.deepEqual([found?.code, found?.severity], ["config-path-no-directory", "error"], release);
    assert.match(found?.consequence ?? "", /every pull of docker\.io fails: stat .*: not a directory/);
    assert.equal(more.length, 0);
    assert.deepEqual(await told(goodConfig(release, yaml), release), [], "nothing there is no error");
  }
});

test("config-path-elsewhere: in /etc, where the containerd of k3s does not look", async () => {
  const home = "/var/lib/rancher/k3s/agent/etc/containerd";
  const places = { configFile: `${home}/config.toml`, certsD: `${home}/certs.d` };
  for (const release of RELEASES) {
    const files = { [places.configFile]: goodConfig(release, places.certsD), [GCR]: MIRROR };
    const [found, ...more] = await findingsOf(files, release, {}, places);
    assert.deepEqual([found?.code, found?.severity, more], ["config-path-elsewhere", "error", []], release);
    const other = { ...files, [CONFIG]: goodConfig(release) };
    assert.deepEqual(await findingsOf(other, release, {}, places), [], "of another containerd");
  }
});
