import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding, FindingCode } from "../../../../../src/core/doctor/finding.ts";
import { confirmFindings } from "../../../../../src/core/doctor/pulls/probe/confirm-findings.ts";
import { CERTS_D, CONFIG, findingsOf, goodConfig } from "../../../../support/doctored-node.ts";

const told = (hosts: string) =>
  findingsOf({ [CONFIG]: goodConfig("2.1.9"), [`${CERTS_D}/gcr.io/hosts.toml`]: hosts }, "2.1.9");

function probed(code: FindingCode, url: string): Finding {
  const where = { kind: "url", url, hop: "resolve at the mirror" } as const;
  return { code, severity: "error", where, fact: "it answers so", consequence: "they go past it", fix: "" };
}

test("what a file explains is one finding: with the place in the file, and as a fact", async () => {
  const cases = [
    [
      '[host."https://m.corp/v2/cache"]\n',
      "other-path-answers",
      "https://m.corp/v2/cache/v2",
      "api-path-twice",
    ],
    ['[host."https://m.corp:80"]\n', "host-speaks-http", "https://m.corp:80/v2", "host-scheme-unlikely"],
    [
      'ca = "ca.crt"\n[host."https://m.corp"]\n',
      "server-certificate-untrusted",
      "https://m.corp/v2",
      "tls-keys-at-root",
    ],
    ['[host."https://m.corp"]\nca = "no.crt"\n', "ca-file-unusable", "https://m.corp/v2", "ca-file-unusable"],
    [
      '[host."https://m.corp".header]\nx-key = "a\\nb"\n',
      "host-cannot-be-asked",
      "https://m.corp/v2",
      "header-invalid",
    ],
  ] as const;
  for (const [hosts, code, url, explains] of cases) {
    const before = await told(hosts);
    const [suspicion] = before.filter((finding) => finding.code === explains);
    assert.ok(suspicion, `${explains}: ${JSON.stringify(before)}`);
    const after = confirmFindings(before, [probed(code, url)]);
    assert.equal(after.length, before.length);
    const confirmed = after.find((finding) => finding.code === explains);
    assert.deepEqual(confirmed?.where, suspicion.where);
    assert.equal(confirmed?.severity, "error");
    assert.match(confirmed?.fact ?? "", /; when asked: it answers so$/);
    assert.equal(confirmed?.consequence, "they go past it");
  }
});

test("another host, or another trouble, is another finding", async () => {
  const before = await told('[host."https://m.corp/v2/cache"]\n');
  for (const other of [
    probed("other-path-answers", "https://am.corp/v2/cache/v2"),
    probed("other-path-answers", "https://m.corp:5000/v2/cache/v2"),
    probed("host-unreachable", "https://m.corp/v2/cache/v2"),
  ])
    assert.equal(confirmFindings(before, [other]).length, before.length + 1, other.where.kind);
});
