import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chooseDirectory } from "../../../src/core/containerd/choose-directory.ts";
import { treeOfObserved } from "../../../src/core/containerd/host-tree.ts";
import { traitsOf } from "../../../src/core/containerd/version.ts";
import { certsTree } from "./support/resolve.ts";
import { version } from "./support/versions.ts";

const ROOT = "/etc/containerd/certs.d";
const OTHER = "/etc/docker/certs.d";

function choose(
  host: string,
  entries: readonly string[],
  release = "2.1.9",
  roots: readonly string[] = [ROOT],
) {
  const tree = certsTree(Object.fromEntries(entries.map((entry) => [entry, ""])));
  return chooseDirectory(roots, tree, host, traitsOf(version(release)));
}

describe("chooseDirectory", () => {
  const cases: readonly (readonly [string, string, readonly string[], string | undefined])[] = [
    ["the name itself", "gcr.io", ["gcr.io/"], "gcr.io"],
    ["_default when there is no name", "gcr.io", ["_default/"], "_default"],
    ["the name before _default", "gcr.io", ["_default/", "gcr.io/"], "gcr.io"],
    ["an empty directory masks _default", "gcr.io", ["_default/hosts.toml", "gcr.io/"], "gcr.io"],
    ["a directory with a CA alone masks it too", "gcr.io", ["_default/", "gcr.io/ca.crt"], "gcr.io"],
    ["host_port_", "h:5000", ["h_5000_/"], "h_5000_"],
    ["host:port", "h:5000", ["h:5000/"], "h:5000"],
    ["host_port_ before host:port", "h:5000", ["h:5000/", "h_5000_/"], "h_5000_"],
    ["not host for host:port", "h:5000", ["h/"], undefined],
    ["not host:port for host", "h", ["h_5000_/"], undefined],
    ["IPv6", "[::1]:5000", ["[::1]_5000_/"], "[::1]_5000_"],
    ["_default for a local registry too", "localhost:5000", ["_default/"], "_default"],
    ["no suffix match", "eu.gcr.io", ["gcr.io/"], undefined],
    ["case matters", "gcr.io", ["GCR.io/"], undefined],
    ["nothing there", "gcr.io", [], undefined],
  ];
  for (const [name, host, entries, expected] of cases)
    test(name, () => assert.equal(choose(host, entries).path, expected && `${ROOT}/${expected}`));

  test("_default is known from 1.6.17 on", () => {
    assert.equal(choose("gcr.io", ["_default/"], "1.6.16").path, undefined);
    assert.equal(choose("gcr.io", ["_default/"], "1.6.17").path, `${ROOT}/_default`);
  });

  test("_default of the first root beats the exact name in the second", () => {
    const entries = ["_default/", `${OTHER}/gcr.io/`];
    assert.equal(choose("gcr.io", entries, "1.7.24", [ROOT, OTHER]).path, `${ROOT}/_default`);
    assert.equal(choose("gcr.io", entries, "1.7.24", [OTHER, ROOT]).path, `${OTHER}/gcr.io`);
  });

  test("every path that was looked at is told", () => {
    assert.deepEqual(choose("h:5000", ["_default/"]).candidates, [
      { path: `${ROOT}/h_5000_`, found: "absent" },
      { path: `${ROOT}/h:5000`, found: "absent" },
      { path: `${ROOT}/_default`, found: "directory" },
    ]);
  });

  test("a plain file in place of the directory fails the pull", () => {
    const choice = choose("gcr.io", ["gcr.io", "_default/"]);
    assert.equal(choice.failure, `open ${ROOT}/gcr.io/hosts.toml: not a directory`);
  });

  test("a root that is a file fails the pull", () => {
    assert.match(choose("gcr.io", [`${OTHER}`], "2.1.9", [OTHER]).failure ?? "", /not a directory/);
  });

  test("a link to nothing does not exist; what cannot be read does", () => {
    const observed = (reason: string) =>
      treeOfObserved({
        root: ROOT,
        exists: true,
        directories: [`${ROOT}/_default`],
        files: [],
        others: [{ path: `${ROOT}/gcr.io`, reason }],
      });
    const traits = traitsOf(version("2.1.9"));
    const dangling = chooseDirectory([ROOT], observed("symbolic link to nothing"), "gcr.io", traits);
    assert.equal(dangling.path, `${ROOT}/_default`);
    const socket = chooseDirectory([ROOT], observed("socket"), "gcr.io", traits);
    assert.match(socket.failure ?? "", /not a directory/);
  });
});
