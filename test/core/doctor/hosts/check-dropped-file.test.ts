import assert from "node:assert/strict";
import { test } from "node:test";
import { codesOf, findingsOf, RELEASES } from "../../../support/doctored-node.ts";
import { hostsNode, MIRROR } from "./hosts-node.ts";

const ALL = [...RELEASES];
const V1 = ["1.6.20", "1.7.24"];
const V2 = ["2.1.9", "2.2.7", "2.3.4"];

interface Case {
  readonly code: string;
  readonly text: string;
  /** Where it is found; elsewhere the same file gives nothing. */
  readonly on: readonly string[];
  readonly fix: RegExp;
  readonly fact?: RegExp;
  readonly line?: number;
  /** The same file, mended. */
  readonly nearMiss: string;
}

const CASES: readonly Case[] = [
  {
    code: "hosts-file-dropped",
    text: `${MIRROR}capabilities = ["pull"\n`,
    on: ALL,
    fix: /mend the line/,
    nearMiss: `${MIRROR}capabilities = ["pull", "resolve"]\n`,
  },
  {
    code: "hosts-file-dropped",
    text: `[host."https://mirror.corp"\ncapabilities = ["pull", "resolve"]\n`,
    on: ALL,
    fix: /close the header/,
    nearMiss: MIRROR,
  },
  {
    code: "hosts-file-dropped",
    text: MIRROR + MIRROR,
    on: ALL,
    line: 2,
    fix: /delete one of the two/,
    nearMiss: MIRROR,
  },
  { code: "hosts-file-bom", text: `\ufeff${MIRROR}`, on: V2, fix: /^sed -i /, line: 1, nearMiss: MIRROR },
  {
    code: "hosts-file-capability",
    text: `${MIRROR}capabilities = ["pull", "resolv"]\n`,
    on: ALL,
    line: 2,
    fact: /unknown capability resolv/,
    fix: /write "resolve" instead of "resolv"/,
    nearMiss: `${MIRROR}capabilities = ["PULL", "resolve"]\n`,
  },
  {
    code: "hosts-file-capability",
    text: `${MIRROR}capabilities = ["pull,resolve"]\n`,
    on: ALL,
    fix: /write "pull", "resolve" instead of/,
    nearMiss: `${MIRROR}capabilities = []\n`,
  },
  {
    code: "hosts-file-capability",
    text: `${MIRROR}capabilities = ["pull", "resolve", "referrers"]\n`,
    on: ["1.6.20", "1.7.24", "2.1.9"],
    fix: /leave "referrers" out; containerd knows it from 2\.2 on/,
    nearMiss: `${MIRROR}capabilities = ["pull", "resolve", "push"]\n`,
  },
  {
    code: "hosts-file-no-host-table",
    text: 'server = "https://mirror.corp"\n',
    on: V1,
    fact: /invalid `host` tree/,
    fix: /add a line \[host\]/,
    nearMiss: 'server = "https://mirror.corp"\n[host]\n',
  },
  {
    code: "hosts-file-ipv6-header",
    text: '[host."http://[2001:db8::1]:5000"]\n',
    on: V1,
    fix: /use a DNS name in place of the IPv6 address/,
    nearMiss: '[host."http://mirror.corp:5000"]\n',
  },
  {
    code: "hosts-file-wrong-type",
    text: `${MIRROR}skip_verify = "true"\n`,
    on: ALL,
    line: 2,
    fix: /^write skip_verify = true, without quotes$/,
    nearMiss: `${MIRROR}skip_verify = true\n`,
  },
  {
    code: "hosts-file-wrong-type",
    text: `${MIRROR}capabilities = "pull"\n`,
    on: ALL,
    fix: /write capabilities = \["pull", "resolve"\]/,
    nearMiss: MIRROR,
  },
  {
    code: "hosts-file-wrong-type",
    text: `[host."https://mirror.corp".header]\nx-tries = 3\n`,
    on: ALL,
    line: 2,
    fix: /in quotes/,
    nearMiss: `[host."https://mirror.corp".header]\nx-tries = "3"\n`,
  },
  {
    code: "hosts-file-wrong-type",
    text: '[[host."https://mirror.corp"]]\n',
    on: ALL,
    fix: /one pair of brackets/,
    nearMiss: MIRROR,
  },
  {
    code: "hosts-file-bad-url",
    text: '[host."https://mirror.corp:50o0"]\n',
    on: ALL,
    fact: /invalid port/,
    fix: /with a port that is a number/,
    nearMiss: '[host."https://mirror.corp:5000"]\n',
  },
  {
    code: "hosts-file-bad-duration",
    text: '[host."http://127.0.0.1:5000"]\ndial_timeout = "200"\n',
    on: V2,
    fix: /a number with a unit/,
    nearMiss: '[host."http://127.0.0.1:5000"]\ndial_timeout = "200ms"\n',
  },
  {
    code: "hosts-file-crash",
    text: `[host]\ncapabilities = ["pull"]\n${MIRROR}`,
    on: V1,
    fix: /nothing but tables in \[host\]/,
    nearMiss: `[host]\n${MIRROR}`,
  },
];

for (const { code, text, on, fix, fact, line, nearMiss } of CASES)
  test(`${code}: ${JSON.stringify(text)}`, async () => {
    for (const release of RELEASES) {
      const findings = await findingsOf(hostsNode(release, text), release);
      if (on.includes(release)) {
        const [found, ...more] = findings;
        assert.deepEqual(more, [], release);
        assert.equal(found?.code, code, release);
        assert.equal(found?.severity, "error");
        assert.match(found?.fix ?? "", fix, release);
        if (fact !== undefined) assert.match(found?.fact ?? "", fact, release);
        if (line !== undefined && found?.where.kind === "file")
          assert.equal(found.where.at.line, line, release);
        const fate =
          code === "hosts-file-crash"
            ? /^every pull of gcr\.io fails/
            : /^every pull of gcr\.io goes straight/;
        assert.match(found?.consequence ?? "", fate, release);
      } else assert.ok(!findings.some((finding) => finding.code === code), release);
      assert.deepEqual(await codesOf(hostsNode(release, nearMiss), release), [], `${release}: near miss`);
    }
  });

test("no value of a header and no password of a URL is ever told", async () => {
  const texts = [
    `${MIRROR}header = "Basic c2VjcmV0OnNlY3JldA=="\n`,
    '[host."https://user:c2VjcmV0OnNlY3JldA==@mirror.corp:x"]\n',
    `[host."https://mirror.corp".header]\nauthorization = { basic = "c2VjcmV0OnNlY3JldA==" }\n`,
  ];
  for (const release of RELEASES)
    for (const text of texts) {
      const findings = await findingsOf(hostsNode(release, text), release);
      assert.equal(findings.length, 1, `${release} ${text}`);
      assert.doesNotMatch(JSON.stringify(findings), /c2VjcmV0/, `${release} ${text}`);
    }
});
