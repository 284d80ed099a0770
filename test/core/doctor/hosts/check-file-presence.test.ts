import assert from "node:assert/strict";
import { test } from "node:test";
import { codesOf, findingsOf, type NodeFiles, RELEASES } from "../../../support/doctored-node.ts";
import { hostsNode, MIRROR } from "./hosts-node.ts";

async function expectOne(files: NodeFiles, code: string, severity: string, fix: RegExp): Promise<void> {
  for (const release of RELEASES) {
    const [found, ...more] = await findingsOf(hostsNode(release, files), release);
    assert.deepEqual(more, [], release);
    assert.deepEqual([found?.code, found?.severity], [code, severity], release);
    assert.match(found?.fix ?? "", fix);
    assert.match(found?.consequence ?? "", /^every pull of gcr\.io (?:goes straight to|fails)/);
  }
}

async function expectNone(files: NodeFiles): Promise<void> {
  for (const release of RELEASES)
    assert.deepEqual(await codesOf(hostsNode(release, files), release), [], release);
}

test("hosts-file-empty: no bytes at all", async () => {
  await expectOne(
    { "gcr.io/hosts.toml": "" },
    "hosts-file-empty",
    "error",
    /^write .*gcr\.io\/hosts\.toml again/,
  );
  await expectNone({ "gcr.io/hosts.toml": `# all of it\n# ${MIRROR}` });
});

test("hosts-file-unreadable: a directory in its place", async () => {
  await expectOne(
    { "gcr.io/hosts.toml/x": "" },
    "hosts-file-unreadable",
    "error",
    /^move the directory away/,
  );
  await expectNone({ "gcr.io/hosts.toml": MIRROR });
});

test("link-dangling: hosts.toml leads to nothing", async () => {
  await expectOne({ "gcr.io/hosts.toml": { link: "/nowhere" } }, "link-dangling", "error", /^ls -l /);
  await expectNone({ "gcr.io/hosts.toml": { link: "../shared.conf" }, "shared.conf": MIRROR });
});

test("hosts-file-name: a name that containerd does not open", async () => {
  for (const name of ["host.toml", "hosts.tml", "Hosts.toml", "hosts.yaml", "hosts.toml.txt"])
    await expectOne(
      { [`gcr.io/${name}`]: MIRROR },
      "hosts-file-name",
      "error",
      /^mv .*gcr\.io\/hosts\.toml$/,
    );
  await expectOne({ "gcr.io/hosts.toml.bak": MIRROR }, "hosts-file-name", "warning", /or remove/);
  await expectNone({ "gcr.io/hosts.toml.bak": 'server = "https://old"\n', "gcr.io/hosts.toml": MIRROR });
  await expectNone({ "gcr.io/ca.crt.bak": "", "gcr.io/notes.txt": "" });
});
