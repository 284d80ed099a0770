import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeView } from "../../../../src/core/doctor/node-view.ts";
import {
  CERTS_D,
  CONFIG,
  codesOf,
  findingsOf,
  goodConfig,
  type NodeFiles,
  RELEASES,
} from "../../../support/doctored-node.ts";
import { hostsNode, MIRROR } from "./hosts-node.ts";

interface Expected {
  readonly code: string;
  readonly severity?: string;
  readonly fact?: RegExp;
  readonly consequence?: RegExp;
  readonly fix?: RegExp;
  readonly on?: readonly string[];
  readonly more?: Partial<NodeView>;
}

async function expectOne(files: NodeFiles, expected: Expected): Promise<void> {
  const { code, severity = "error", fact, consequence, fix, on = RELEASES, more = {} } = expected;
  for (const release of on) {
    const [found, ...others] = await findingsOf(hostsNode(release, files), release, more);
    assert.deepEqual(others, [], `${release} ${JSON.stringify(files)}`);
    assert.deepEqual([found?.code, found?.severity], [code, severity], `${release} ${JSON.stringify(files)}`);
    if (fact !== undefined) assert.match(found?.fact ?? "", fact);
    if (consequence !== undefined) assert.match(found?.consequence ?? "", consequence);
    if (fix !== undefined) assert.match(found?.fix ?? "", fix);
  }
}

async function expectNone(files: NodeFiles, more: Partial<NodeView> = {}): Promise<void> {
  for (const release of RELEASES)
    assert.deepEqual(
      await codesOf(hostsNode(release, files), release, more),
      [],
      `${release} ${JSON.stringify(files)}`,
    );
}

test("directory-name: names that no image leads to", async () => {
  const names: Readonly<Record<string, string>> = {
    "registry-1.docker.io": "docker.io",
    "index.docker.io": "docker.io",
    "hub.docker.com": "docker.io",
    "registry.hub.docker.com": "docker.io",
    dockerhub: "docker.io",
    "https___gcr.io": "gcr.io",
    "gcr.io.": "gcr.io",
    "GCR.io": "gcr.io",
    "gcr.io_443_": "gcr.io",
    localhost_5000: "localhost_5000_",
    default: "_default",
    _Default: "_default",
  };
  for (const [name, right] of Object.entries(names))
    await expectOne(
      { [`${name}/hosts.toml`]: MIRROR },
      {
        code: "directory-name",
        consequence: /goes straight to/,
        fix: new RegExp(`^mv ${CERTS_D}/${name} ${CERTS_D}/${right}$`),
      },
    );
});

test("directory-name: a slip, a name that is no host, and what is neither", async () => {
  const slip = { code: "directory-name", severity: "warning", fact: /one slip away from gcr\.io/ };
  for (const name of ["grc.io", "gcrr.io", "gcr.i", "gcr.ip"])
    await expectOne({ [`${name}/hosts.toml`]: MIRROR }, slip);
  const noHost = { code: "directory-name", severity: "warning", fact: /is no registry host/ };
  await expectOne({ "mirrors/hosts.toml": MIRROR }, noHost);
  await expectNone({
    "gcr.io/hosts.toml": MIRROR,
    "gcr.io.bak/hosts.toml": MIRROR,
    "_backup/gcr.io/hosts.toml": MIRROR,
  });
  await expectNone({ "icr.io/hosts.toml": MIRROR, "registry.corp_5000_/hosts.toml": MIRROR });
  await expectNone({ "docker.io/hosts.toml": MIRROR, "registry-1.docker.io/hosts.toml": MIRROR });
  await expectNone(
    { "registry-1.docker.io/hosts.toml": MIRROR },
    { namespacesInUse: ["registry-1.docker.io"] },
  );
});

test("directory-name: where the right directory is there, the fix says so", async () => {
  await expectOne(
    { "docker.io/hosts.toml": MIRROR, "registry-1.docker.io/hosts.toml": '[host."https://b.corp"]\n' },
    { code: "directory-name", fix: /^move what is meant to .*docker\.io\/hosts\.toml and remove/ },
  );
});

test("directory-port: the images in use say which is right", async () => {
  const files = { "registry.corp/hosts.toml": MIRROR };
  const more = { namespacesInUse: ["registry.corp:5000"] };
  await expectOne(files, {
    code: "directory-port",
    more,
    consequence: /^every pull of registry\.corp:5000 goes straight/,
    fix: /registry\.corp_5000_$/,
  });
  await expectOne(
    { "registry.corp_5000_/hosts.toml": MIRROR },
    { code: "directory-port", more: { namespacesInUse: ["registry.corp"] }, fix: /\/registry\.corp$/ },
  );
  await expectNone(files);
  await expectNone(files, { namespacesInUse: ["registry.corp", "registry.corp:5000"] });
  await expectNone({ ...files, "registry.corp_5000_/hosts.toml": MIRROR }, more);
});

test("directory-hidden: both forms of a port, and two roots", async () => {
  await expectOne(
    { "r.corp:5000/hosts.toml": MIRROR, "r.corp_5000_/hosts.toml": '[host."https://b.corp"]\n' },
    { code: "directory-hidden", fact: /r\.corp_5000_ is looked up before r\.corp:5000/ },
  );
  await expectNone({ "r.corp:5000/hosts.toml": MIRROR, "r.corp_5000_/hosts.toml": MIRROR });
  const roots = (files: NodeFiles) => ({ [CONFIG]: goodConfig("1.7.24", "/etc/a:/etc/b"), ...files });
  const hidden = {
    "/etc/a/_default/hosts.toml": '[host."https://b.corp"]\n',
    "/etc/b/gcr.io/hosts.toml": MIRROR,
  };
  const [found, ...more] = await findingsOf(roots(hidden), "1.7.24");
  assert.deepEqual(more, []);
  assert.deepEqual([found?.code, found?.severity], ["directory-hidden", "error"]);
  assert.match(found?.consequence ?? "", /^pulls of gcr\.io ask https:\/\/b\.corp, then/);
  const apart = {
    "/etc/a/quay.io/hosts.toml": '[host."https://b.corp"]\n',
    "/etc/b/gcr.io/hosts.toml": MIRROR,
  };
  assert.deepEqual(await codesOf(roots(apart), "1.7.24"), []);
});

test("directory-hides-default: empty, with certificates alone, or all in comments", async () => {
  const all = { "_default/hosts.toml": MIRROR };
  const straight = /^every pull of gcr\.io goes straight to https:\/\/gcr\.io/;
  await expectOne(
    { ...all, "gcr.io": undefined },
    { code: "directory-hides-default", consequence: straight, fix: /^rmdir / },
  );
  await expectOne(
    { ...all, "gcr.io/hosts.toml": "# nothing\n" },
    { code: "directory-hides-default", severity: "warning", consequence: straight },
  );
  await expectNone({ "gcr.io": undefined });
  await expectNone({ ...all, "gcr.io/hosts.toml": MIRROR });
});

test("directory-is-file and link-dangling: no directory", async () => {
  await expectOne(
    { "gcr.io": MIRROR },
    { code: "directory-is-file", consequence: /^every pull of gcr\.io fails/ },
  );
  await expectNone({ "README.md": "", "ca.crt": "", notes: "" });
  await expectOne(
    { "gcr.io": { link: "/nowhere" } },
    { code: "link-dangling", consequence: /goes straight/ },
  );
  await expectNone({
    "gcr.io": { link: "shared" },
    "shared/hosts.toml": MIRROR,
    "gcr.io.bak": { link: "/nowhere" },
  });
});

test("hosts-file-misplaced and directory-too-deep", async () => {
  await expectOne({ "hosts.toml": MIRROR }, { code: "hosts-file-misplaced", fix: /_default\/hosts\.toml$/ });
  await expectOne(
    { "hosts.toml": `server = "https://gcr.io"\n${MIRROR}` },
    { code: "hosts-file-misplaced", fix: /mv .*\/hosts\.toml .*\/gcr\.io\/hosts\.toml$/ },
  );
  await expectOne(
    { "quay.io.toml": MIRROR },
    { code: "hosts-file-misplaced", fix: /\/quay\.io\/hosts\.toml$/ },
  );
  await expectOne(
    { "docker.io/library/hosts.toml": MIRROR },
    { code: "directory-too-deep", fix: /\/docker\.io\/hosts\.toml$/ },
  );
  await expectOne(
    { "certs.d/gcr.io/hosts.toml": MIRROR },
    { code: "directory-too-deep", fix: /\/gcr\.io\/hosts\.toml$/ },
  );
  await expectNone({ "gcr.io/hosts.toml": MIRROR, "hosts.toml": `server = "https://gcr.io"\n${MIRROR}` });
  await expectNone({ "docker.io/hosts.toml": MIRROR, "docker.io/library/notes.txt": "" });
});

test("default-directory-unknown: before 1.6.17", async () => {
  const files = { "_default/hosts.toml": MIRROR };
  await expectOne(files, { code: "default-directory-unknown", on: ["1.6.16"], fix: /^upgrade containerd/ });
  await expectNone(files);
});

test("config-path-elsewhere and root-not-read: hosts where containerd does not look", async () => {
  for (const release of RELEASES) {
    const files = { [CONFIG]: goodConfig(release, "/etc/other"), [`${CERTS_D}/gcr.io/hosts.toml`]: MIRROR };
    const [found, ...more] = await findingsOf(files, release);
    assert.deepEqual(more, [], release);
    assert.deepEqual([found?.code, found?.severity], ["config-path-elsewhere", "error"], release);
    assert.match(found?.fix ?? "", /set config_path = "\/etc\/containerd\/certs\.d"/);
    const both = { ...files, "/etc/other/gcr.io/hosts.toml": '[host."https://b.corp"]\n' };
    const [second] = await findingsOf(both, release);
    assert.deepEqual([second?.code, second?.severity], ["root-not-read", "warning"], release);
    const linked = { [CONFIG]: goodConfig(release, "/etc/other/"), "/etc/other/gcr.io/hosts.toml": MIRROR };
    const same = { ...linked, [CERTS_D]: { link: "/etc/other" } };
    assert.deepEqual(await codesOf(same, release), [], release);
    const docker = { [CONFIG]: goodConfig(release), "/etc/docker/certs.d/r.corp/ca.crt": "" };
    assert.deepEqual(await codesOf(docker, release), [], release);
  }
});
