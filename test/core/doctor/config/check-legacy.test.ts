import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG, goodConfig, RELEASES } from "../../../support/doctored-node.ts";
import { config, cri, findingsOfConfig, told } from "./support/told.ts";

function mirrors(release: string, entries: Readonly<Record<string, readonly string[]>>): string {
  const tables = Object.entries(entries).map(
    ([name, endpoints]) =>
      `${cri(release)}.registry.mirrors."${name}"]\nendpoint = ${JSON.stringify(endpoints)}\n`,
  );
  return config(release, tables.join(""));
}

const withoutDeprecated = async (text: string, release: string) =>
  (await told(text, release)).filter((line) => !line.includes(" legacy-mirrors "));

test("legacy-mirrors: nothing on 1.x, info on 2.0, a warning from 2.1 on", async () => {
  const severities = {
    "1.6.20": [],
    "1.7.24": [],
    "2.0.5": ["info"],
    "2.1.9": ["warning"],
    "2.3.4": ["warning"],
  };
  for (const [release, severity] of Object.entries(severities)) {
    const text = mirrors(release, { "gcr.io": ["https://m.example"] });
    const expected = severity.map((each) => `${each} legacy-mirrors config.toml:2`);
    assert.deepEqual(await told(text, release), expected, release);
    assert.deepEqual(await told(goodConfig(release), release), [], release);
    const itself = mirrors(release, { "docker.io": ["https://registry-1.docker.io"] });
    assert.deepEqual(await told(itself, release), [], "no mirror to lose");
  }
});

test("legacy-endpoint: paths, schemes and things that are no URL", async () => {
  for (const release of RELEASES) {
    const line = async (endpoint: string) =>
      withoutDeprecated(mirrors(release, { "gcr.io": [endpoint] }), release);
    const error = ["error legacy-endpoint config.toml:2"];
    const warning = ["warning legacy-endpoint config.toml:2"];
    assert.deepEqual(await line("https://m.example/"), error, release);
    assert.deepEqual(await line("tcp://m.example"), error, release);
    assert.deepEqual(await line("https://m.example:port"), error, release);
    assert.deepEqual(await line("https://m.example/hub"), warning, release);
    assert.deepEqual(await line("m.example:5000"), warning, release);
    for (const good of [
      "https://m.example",
      "https://m.example/v2/hub",
      "m.example",
      "localhost:5000",
      "http://m:5000",
    ])
      assert.deepEqual(await line(good), [], good);
  }
});

test("legacy-endpoint: once for many registries, without the login of its URL", async () => {
  const text = mirrors("1.7.24", {
    "gcr.io": ["https://user:secret@m.example/"],
    "quay.io": ["https://user:secret@m.example/"],
  });
  const [found, ...more] = await findingsOfConfig({ [CONFIG]: text }, "1.7.24");
  assert.equal(more.length, 0);
  assert.match(found?.fact ?? "", /of gcr\.io and quay\.io/);
  assert.doesNotMatch(JSON.stringify(found), /secret/);
});

test("legacy-namespace: what no image is called by", async () => {
  for (const release of RELEASES) {
    const line = async (name: string) =>
      withoutDeprecated(mirrors(release, { [name]: ["https://m.example"] }), release);
    for (const [name, severity] of [
      ["https://gcr.io", "error"],
      ["registry-1.docker.io", "error"],
      ["gcr.io/project", "error"],
      ["*.gcr.io", "warning"],
    ])
      assert.deepEqual(await line(name ?? ""), [`${severity} legacy-namespace config.toml:2`], name);
    for (const name of ["gcr.io", "*", "docker.io", "registry.example:5000", "localhost:5001"])
      assert.deepEqual(await line(name), [], name);
  }
  const served = mirrors("1.7.24", {
    "registry-1.docker.io": ["https://m.example"],
    "docker.io": ["https://m.example"],
  });
  assert.deepEqual(await told(served, "1.7.24"), ["warning legacy-namespace config.toml:2"]);
});

test("legacy-mirror-empty: it keeps the endpoints of * away", async () => {
  for (const release of RELEASES) {
    const text = mirrors(release, { "*": ["https://m.example"], "gcr.io": [] });
    assert.deepEqual(await withoutDeprecated(text, release), ["warning legacy-mirror-empty config.toml:4"]);
  }
  const [found] = await findingsOfConfig(
    { [CONFIG]: mirrors("1.7.24", { "*": ["https://m.example"], "gcr.io": [] }) },
    "1.7.24",
  );
  assert.match(found?.fact ?? "", /keeps those of "\*" from it/);
  assert.equal(found?.consequence, "every pull of gcr.io goes straight to https://gcr.io");
});

const auth = (release: string) =>
  `${goodConfig(release)}${cri(release)}.registry.configs."m.example".auth]\nusername = "node"\npassword = "secret"\n`;

test("legacy-credentials: info where they force a local pull", async () => {
  for (const release of RELEASES) {
    const files = (text: string) => ({ [CONFIG]: { text, mode: 0o600 } });
    const expected = release.startsWith("1.") ? [] : ["info legacy-credentials config.toml:4"];
    assert.deepEqual(await told(files(auth(release)), release), expected, release);
    assert.deepEqual(await told(files(goodConfig(release)), release), [], release);
    const auths = `${goodConfig(release)}${cri(release)}.registry.auths."https://m.example"]\nusername = "node"\n`;
    assert.deepEqual(await told(files(auths), release), expected, release);
  }
});

test("credentials-readable: by the mode of the file they are in, and without a word of them", async () => {
  for (const release of ["1.6.20", "1.7.24"]) {
    const files = (mode: number) => ({ [CONFIG]: { text: auth(release), mode } });
    assert.deepEqual(
      await told(files(0o644), release),
      ["warning credentials-readable config.toml:4"],
      release,
    );
    for (const mode of [0o600, 0o640]) assert.deepEqual(await told(files(mode), release), [], release);
    const findings = await findingsOfConfig(files(0o644), release);
    assert.doesNotMatch(JSON.stringify(findings), /secret/);
  }
});

test("credentials-to-every-host: headers that are secrets, not others", async () => {
  for (const release of RELEASES) {
    const files = (name: string) => ({
      [CONFIG]: {
        text: `${goodConfig(release)}${cri(release)}.registry.headers]\n${name} = ["Basic c2VjcmV0"]\n`,
        mode: 0o600,
      },
    });
    const expected = ["warning credentials-to-every-host config.toml:5"];
    assert.deepEqual(await told(files("Authorization"), release), expected, release);
    assert.deepEqual(await told(files("X-Meta-Site"), release), [], release);
    const findings = await findingsOfConfig(files("Authorization"), release);
    assert.doesNotMatch(JSON.stringify(findings), /c2VjcmV0/);
  }
});
