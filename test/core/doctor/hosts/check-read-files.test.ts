import assert from "node:assert/strict";
import { test } from "node:test";
import { codesOf, findingsOf, type NodeFiles, RELEASES } from "../../../support/doctored-node.ts";
import { hostsNode, MIRROR } from "./hosts-node.ts";

const ALL = [...RELEASES];
const V1 = ["1.6.20", "1.7.24"];
const V2 = ["2.1.9", "2.2.7", "2.3.4"];
const STRAIGHT = /^every pull of gcr\.io goes straight to https:\/\/gcr\.io/;

interface Case {
  readonly code: string;
  readonly severity: "error" | "warning" | "info";
  readonly files: string | NodeFiles;
  /** On the others the same files have no finding at all. */
  readonly on: readonly string[];
  readonly fix: RegExp;
  readonly fact?: RegExp;
  readonly consequence?: RegExp;
  readonly line?: number;
  readonly nearMisses: readonly (string | NodeFiles)[];
}

const CASES: readonly Case[] = [
  {
    code: "ignored-key",
    severity: "warning",
    files: `${MIRROR}skip_verfy = true\n`,
    on: ALL,
    line: 2,
    fact: /does not know host\."https:\/\/mirror\.corp"\.skip_verfy/,
    fix: /^write skip_verify instead of skip_verfy$/,
    nearMisses: [`${MIRROR}skip_verify = true\n`],
  },
  {
    code: "ignored-key",
    severity: "info",
    files: `${MIRROR}comment = "ours"\n`,
    on: ALL,
    fix: /^delete line 2$/,
    nearMisses: [`${MIRROR}# comment = "ours"\n`],
  },
  {
    code: "ignored-key",
    severity: "error",
    files: '[host]\n[hosts."https://mirror.corp"]\n',
    on: ALL,
    consequence: STRAIGHT,
    fix: /^write each host under a header \[host\."https/,
    nearMisses: [`[host]\n${MIRROR}`],
  },
  {
    code: "ignored-key",
    severity: "error",
    files: '[host.mirror.corp]\ncapabilities = ["pull", "resolve"]\n',
    on: ALL,
    fix: /^put the whole name in quotes: \[host\."https:\/\/mirror\.corp"\]$/,
    nearMisses: [MIRROR],
  },
  {
    code: "ignored-key",
    severity: "error",
    files: '[host."https://mirror.corp/v2/hub"]\noverridepath = true\n',
    on: ALL,
    fix: /^write override_path instead of overridepath$/,
    nearMisses: ['[host."https://mirror.corp/v2/hub"]\noverride_path = true\n'],
  },
  {
    code: "ignored-in-this-version",
    severity: "info",
    files: `${MIRROR}dial_timeout = "1s"\n`,
    on: V1,
    line: 2,
    fact: /it came with 2\.0\.7/,
    fix: /^delete the line, or upgrade/,
    nearMisses: ['[host."http://127.0.0.1:30020"]\ndial_timeout = "200ms"\n'],
  },
  {
    code: "server-in-host-table",
    severity: "error",
    files: `${MIRROR}server = "https://other.corp"\n`,
    on: ALL,
    line: 2,
    consequence: /ask https:\/\/mirror\.corp, then https:\/\/gcr\.io/,
    fix: /^move the line to the top/,
    nearMisses: [`server = "https://other.corp"\n${MIRROR}`],
  },
  {
    code: "server-in-host-table",
    severity: "warning",
    files: `${MIRROR}server = "https://gcr.io"\n`,
    on: ALL,
    fix: /^move the line to the top/,
    nearMisses: [`server = "https://gcr.io"\n${MIRROR}`],
  },
  {
    code: "host-table-unread",
    severity: "error",
    files: '[host]\n"https://mirror.corp" = { capabilities = ["pull", "resolve"] }\n',
    on: V2,
    consequence: STRAIGHT,
    fix: /^give it a header of its own, \[host\."https:\/\/mirror\.corp"\]/,
    nearMisses: [MIRROR],
  },
  {
    code: "host-listed-twice",
    severity: "warning",
    files: `${MIRROR}[host."https://b.corp"]\n[host."https://mirror.corp".header]\nx-y = "1"\n`,
    on: V2,
    line: 1,
    fix: /^put \[host\."https:\/\/mirror\.corp"\.header\] right below/,
    nearMisses: [`${MIRROR}[host."https://mirror.corp".header]\nx-y = "1"\n[host."https://b.corp"]\n`],
  },
  {
    code: "host-never-reached",
    severity: "error",
    files: '[host."HTTP://mirror.corp:5000"]\n',
    on: ALL,
    consequence: STRAIGHT,
    fact: /lower case only/,
    fix: /^write http:\/\/mirror\.corp:5000$/,
    nearMisses: ['[host."http://mirror.corp:5000"]\n'],
  },
  {
    code: "host-never-reached",
    severity: "error",
    files: '[host."unix:///run/mirror.sock"]\n',
    on: ALL,
    fact: /http and https, not unix/,
    fix: /^put a listener on 127\.0\.0\.1/,
    nearMisses: ['[host."http://127.0.0.1:5000"]\n'],
  },
  {
    code: "host-never-reached",
    severity: "error",
    files: 'server = "http-mirror.corp:5000"\n[host]\n',
    on: ALL,
    consequence: STRAIGHT,
    fact: /counts as no server at all: a name that begins with http/,
    fix: /^write https:\/\/http-mirror\.corp:5000, or http:\/\//,
    nearMisses: ['server = "https://http-mirror.corp:5000"\n[host]\n'],
  },
  {
    code: "host-never-reached",
    severity: "error",
    files: '[host."https://mirror.corp:99999"]\n',
    on: ALL,
    fact: /"https:\/\/mirror\.corp:99999" can never be reached: there is no port 99999$/,
    fix: /^write the port/,
    nearMisses: ['[host."https://mirror.corp:9999"]\n'],
  },
  {
    code: "host-scheme-unlikely",
    severity: "warning",
    files: '[host."mirror.corp:5000"]\n',
    on: ALL,
    fact: /speaks https to port 5000/,
    fix: /^write http:\/\/mirror\.corp:5000 if/,
    nearMisses: ['[host."mirror.corp:5443"]\n', '[host."mirror.corp:5000"]\nca = []\n'],
  },
  {
    code: "host-scheme-unlikely",
    severity: "warning",
    files: '[host."http://mirror.corp:443"]\n',
    on: ALL,
    fix: /^write https:\/\/mirror\.corp:443$/,
    nearMisses: ['[host."https://mirror.corp:443"]\n'],
  },
  {
    code: "api-path-twice",
    severity: "error",
    files: '[host."https://mirror.corp/v2/hub"]\n',
    on: ALL,
    fact: /requests go to \/v2\/hub\/v2\/<repository>/,
    consequence: /ask https:\/\/mirror\.corp\/v2\/hub\/v2, then/,
    fix: /^write \[host\."https:\/\/mirror\.corp\/v2\/hub"\] and override_path = true/,
    nearMisses: ['[host."https://mirror.corp/hub"]\n', '[host."https://mirror.corp/v2/"]\n'],
  },
  {
    code: "api-path-missing",
    severity: "warning",
    files: '[host."https://mirror.corp"]\noverride_path = true\n',
    on: ALL,
    fix: /^delete override_path, or/,
    nearMisses: [
      '[host."https://mirror.corp/art/v2/hub"]\noverride_path = true\n',
      '[host."https://m"]\n[host."https://127.0.0.1:478/witness"]\noverride_path = true\n',
    ],
  },
  {
    code: "tls-keys-on-http",
    severity: "warning",
    files: '[host."http://mirror.corp:5000"]\nskip_verify = false\n',
    on: ["1.7.24", ...V2],
    fact: /^skip_verify on an http host makes containerd .* try https first/,
    fix: /^delete skip_verify below http:\/\/mirror\.corp:5000/,
    nearMisses: ['[host."http://mirror.corp:80"]\nskip_verify = true\n'],
  },
  {
    code: "tls-keys-at-root",
    severity: "warning",
    files: `skip_verify = true\n${MIRROR}`,
    on: ALL,
    fact: /does not reach https:\/\/mirror\.corp/,
    fix: /^move skip_verify below \[host\."https:\/\/mirror\.corp"\]$/,
    nearMisses: [
      `skip_verify = true\n${MIRROR}skip_verify = true\n`,
      { "registry.corp/hosts.toml": `server = "https://registry.corp"\nskip_verify = true\n${MIRROR}` },
    ],
  },
  {
    code: "docker-website",
    severity: "warning",
    files: { "docker.io/hosts.toml": `server = "https://docker.io"\n${MIRROR}` },
    on: ALL,
    consequence: /ask https:\/\/mirror\.corp, then https:\/\/docker\.io; what the mirrors do not serve/,
    fix: /^write server = "https:\/\/registry-1\.docker\.io", or leave server out$/,
    nearMisses: [
      { "docker.io/hosts.toml": `server = "https://registry-1.docker.io"\n${MIRROR}` },
      { "docker.io/hosts.toml": `server = "https://docker.io"\n[host."https://registry-1.docker.io"]\n` },
    ],
  },
  {
    code: "docker-website",
    severity: "error",
    files: { "docker.io/hosts.toml": `server = "https://index.docker.io"\n[host]\n` },
    on: ALL,
    fix: /registry-1/,
    nearMisses: [],
  },
  {
    code: "another-registry",
    severity: "error",
    files: { "_default/hosts.toml": `server = "https://registry-1.docker.io"\n${MIRROR}` },
    on: ALL,
    consequence:
      /every registry without a directory of its own ask https:\/\/mirror\.corp, then https:\/\/registry-1/,
    fix: /^delete the server line/,
    nearMisses: [
      { "_default/hosts.toml": MIRROR },
      { "_default/hosts.toml": 'server = "https://mirror.corp"\n[host]\n' },
    ],
  },
  {
    code: "no-resolving-host",
    severity: "warning",
    files: `server = "https://mirror.corp"\ncapabilities = ["pull"]\n[host]\n`,
    on: ALL,
    consequence:
      /^every pull of gcr\.io by tag fails: no resolve hosts: not found; pulls of gcr\.io by digest ask https:\/\/mirror/,
    fix: /capabilities = \["pull", "resolve"\]/,
    nearMisses: [
      `server = "https://mirror.corp"\ncapabilities = ["pull", "resolve"]\n[host]\n`,
      `# Owned by mirrorlet; edit the desired state instead.\nserver = "https://mirror.corp"\ncapabilities = ["pull"]\n[host]\n`,
    ],
  },
  {
    code: "no-resolving-host",
    severity: "error",
    files: `server = "https://mirror.corp"\ncapabilities = ["resolve"]\n${MIRROR}capabilities = ["resolve"]\n`,
    on: ALL,
    consequence: /^every pull of gcr\.io fails: no resolve hosts/,
    fix: /capabilities = \["pull", "resolve"\]/,
    nearMisses: [],
  },
  {
    code: "capabilities-without-resolve",
    severity: "info",
    files: `${MIRROR}capabilities = ["pull"]\n`,
    on: ALL,
    consequence: /tags are looked up at https:\/\/gcr\.io first/,
    fix: /capabilities = \["pull", "resolve"\]/,
    nearMisses: [
      `${MIRROR}capabilities = ["pull"]\n[host."https://b.corp"]\n`,
      `# Owned by mirrorlet; edit the desired state instead.\n${MIRROR}capabilities = ["pull"]\n`,
    ],
  },
  {
    code: "capabilities-without-server",
    severity: "warning",
    files: `capabilities = ["push"]\n${MIRROR}`,
    on: ALL,
    consequence: /ask https:\/\/mirror\.corp, then https:\/\/gcr\.io/,
    fix: /^move the line below a host/,
    nearMisses: [`capabilities = ["pull", "resolve", "push"]\n${MIRROR}`],
  },
  {
    code: "url-part-dropped",
    severity: "warning",
    files: '[host."https://me:c2VjcmV0@mirror.corp"]\n',
    on: ALL,
    fact: /the user and password of https:\/\/\*\*\*@mirror\.corp out/,
    fix: /authorization = "Basic …"/,
    nearMisses: [MIRROR],
  },
  {
    code: "url-part-dropped",
    severity: "warning",
    files: '[host."https://mirror.corp/hub?ns=docker.io"]\n',
    on: ALL,
    fix: /^write https:\/\/mirror\.corp\/hub; /,
    nearMisses: ['[host."https://mirror.corp/hub"]\n'],
  },
  {
    code: "header-invalid",
    severity: "error",
    files: `${MIRROR}[host."https://mirror.corp".header]\nx-node = "a\\n"\n`,
    on: ALL,
    consequence: /^no request to https:\/\/mirror\.corp can be sent/,
    fix: /base64 -w0/,
    nearMisses: [`${MIRROR}[host."https://mirror.corp".header]\nx-node = "a\\tb"\n`],
  },
  {
    code: "header-invalid",
    severity: "error",
    files: `${MIRROR}[host."https://mirror.corp".header]\n"x node" = "a"\n`,
    on: ALL,
    fix: /letters, digits and hyphens/,
    nearMisses: [`${MIRROR}[host."https://mirror.corp".header]\n"x-node" = "a"\n`],
  },
  {
    code: "header-without-effect",
    severity: "info",
    files: `${MIRROR}[host."https://mirror.corp".header]\nUser-Agent = "node"\n`,
    on: V1,
    fix: /another header$/,
    nearMisses: [],
  },
  {
    code: "host-without-pull",
    severity: "warning",
    files: `${MIRROR}capabilities = ["push"]\n`,
    on: ALL,
    line: 1,
    fix: /^delete the host if nothing/,
    nearMisses: [MIRROR],
  },
];

for (const { code, severity, files, on, fix, fact, consequence, line, nearMisses } of CASES)
  test(`${code}: ${JSON.stringify(files)}`, async () => {
    for (const release of RELEASES) {
      const findings = await findingsOf(hostsNode(release, files), release);
      if (on.includes(release)) {
        const [found, ...more] = findings;
        assert.deepEqual(more, [], release);
        assert.deepEqual([found?.code, found?.severity], [code, severity], release);
        assert.match(found?.fix ?? "", fix, release);
        if (fact !== undefined) assert.match(found?.fact ?? "", fact, release);
        if (consequence !== undefined) assert.match(found?.consequence ?? "", consequence, release);
        if (line !== undefined && found?.where.kind === "file")
          assert.equal(found.where.at.line, line, release);
      } else assert.ok(!findings.some((finding) => finding.code === code), release);
      for (const nearMiss of nearMisses)
        assert.deepEqual(await codesOf(hostsNode(release, nearMiss), release), [], `${release}: near miss`);
    }
  });

test("host-order-random: inline tables in one line, on 1.x alone", async () => {
  const text = 'host = { "https://a.corp" = {}, "https://b.corp" = {} }\n';
  for (const release of V1) {
    const [found, ...more] = await findingsOf(hostsNode(release, text), release);
    assert.deepEqual(more, [], release);
    assert.equal(found?.code, "host-order-random");
    assert.match(found?.fact ?? "", /https:\/\/a\.corp, https:\/\/b\.corp in an order that changes/);
  }
  for (const release of V2)
    assert.deepEqual(await codesOf(hostsNode(release, text), release), ["host-table-unread"]);
});

test("keys that the containerd of k3s knows are not told of there", async () => {
  const text = '[host."https://mirror.corp".rewrite]\n"^a" = "b"\n';
  assert.deepEqual(await codesOf(hostsNode("2.1.9", text), "2.1.4-k3s1"), []);
  assert.deepEqual(await codesOf(hostsNode("2.1.9", text), "2.1.9"), ["ignored-key"]);
});
