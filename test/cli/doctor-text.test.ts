import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDiagnosis, type TextStyle } from "../../src/cli/doctor-text.ts";
import { diagnose } from "../../src/core/doctor/diagnose.ts";
import type { NotChecked } from "../../src/core/doctor/finding.ts";
import type { NodeView } from "../../src/core/doctor/node-view.ts";
import { CERTS_D, CONFIG, goodConfig, type NodeFiles, viewOf } from "../support/doctored-node.ts";

const PLAIN: TextStyle = { color: false };
const mirror = `[host."https://mirror.example:5000"]\n  capabilities = ["pull", "resolve"]\n`;
const closed = `server = "https://127.0.0.1:478/witness"\noverride_path = true\n${mirror}`;

async function textOf(
  files: NodeFiles,
  style = PLAIN,
  more: Partial<NodeView> = {},
  notChecked: readonly NotChecked[] = [],
): Promise<string> {
  const view = await viewOf({ [CONFIG]: goodConfig("2.1.9"), ...files }, "2.1.9", more);
  return formatDiagnosis({ findings: diagnose(view), notChecked }, view, style);
}

test("a clean node: the verdict, what is asked for each registry, what was not looked at", async () => {
  const files = {
    [`${CERTS_D}/_default/hosts.toml`]: mirror,
    [`${CERTS_D}/gcr.io/hosts.toml`]: mirror,
    [`${CERTS_D}/registry.internal.example/hosts.toml`]: closed,
  };
  const notChecked = [{ what: "the images on the node", why: "containerd does not list them" }];
  assert.equal(
    await textOf(files, PLAIN, {}, notChecked),
    `Nothing found that keeps pulls from the mirrors (containerd 2.1.9, /etc/containerd/config.toml)

3 registries have a mirror:
  gcr.io                     https://mirror.example:5000, then https://gcr.io
  registry.internal.example  https://mirror.example:5000 (upstream closed)
  all others                 https://mirror.example:5000, then the registry itself

Not checked:
  the images on the node: containerd does not list them
`,
  );
  const [, , none] = (await textOf({})).split("\n");
  assert.equal(none, "No registry has a mirror: every pull goes straight to its own registry.");
});

const TROUBLE: NodeFiles = {
  [`${CERTS_D}/a.example/hosts.toml`]: `${mirror}skip_verfy = true\n`,
  [`${CERTS_D}/b.example/hosts.toml`]: mirror.replace('"resolve"', '"resolv"'),
};

test("the worst first, with all that is known of it, and no long line is broken where nobody reads it", async () => {
  const text = await textOf(TROUBLE);
  const [first = "", , second = ""] = text.split("\n");
  assert.match(first, /^1 error, 1 (?:warning|info) \(containerd 2\.1\.9, /);
  assert.match(second, /^error /);
  for (const field of ["where", "fact ", "pulls", "fix  "])
    assert.equal(text.split("\n").filter((line) => line.startsWith(`  ${field}  `)).length, 2, field);
  assert.doesNotMatch(text, /\u001b/);
});

test("on a terminal there is colour, and texts are broken between words, places not", async () => {
  const text = await textOf(TROUBLE, { color: true, columns: 60 });
  const plain = text.replaceAll(/\u001b\[[\d;]*m/g, "");
  assert.notEqual(plain, text);
  const wide = plain
    .split("\n")
    .filter((line) => line.length > 60 && /^ +(?:fact|pulls|fix| {7})/.test(line));
  for (const line of wide) assert.match(line.trim(), /^(?:fact |pulls |fix )?\s*\S+$/, "one long word");
  const unbroken = (some: string) => some.replace(/\s+/g, " ");
  assert.equal(unbroken(plain), unbroken(await textOf(TROUBLE)));
});

test("words of others cannot move the cursor", async () => {
  const running = { pid: 1, socket: "/s", restart: "x", configTimes: [] };
  const health = {
    reachable: true,
    criReady: false,
    failedPlugins: [],
    message: "\u001b[2Jgone\nfix  rm -rf /",
  };
  const text = await textOf({}, PLAIN, { process: { ...running, health } });
  assert.doesNotMatch(text, /\u001b/);
  assert.doesNotMatch(text, /^fix {2}rm/m);
  assert.match(text, /pid 1/);
});

test("on a terminal commands stay whole, directories have no lines, reasons are told once", async () => {
  const files = {
    [`${CERTS_D}/GCR.io/hosts.toml`]: mirror,
    [`${CERTS_D}/docker.io/library/hosts.toml`]: mirror,
  };
  const notChecked = ["one", "two"].map((what) => ({ what, why: "because" }));
  const lines = (await textOf(files, { color: false, columns: 60 }, {}, notChecked)).split("\n");
  const command = `mkdir -p ${CERTS_D}/docker.io && mv ${CERTS_D}/docker.io/library/hosts.toml ${CERTS_D}/docker.io/hosts.toml`;
  for (const line of [`  where  ${CERTS_D}/GCR.io`, `  fix    ${command}`, "  one, two: because"])
    assert.ok(lines.includes(line), line);
});

test("a user who may not read all of it is not told that all is well", async () => {
  const path = `${CERTS_D}/gcr.io/hosts.toml`;
  const text = await textOf({ [path]: mirror }, PLAIN, { denied: [path] });
  assert.match(text, /^Nothing found in what this user may read \(/);
});
