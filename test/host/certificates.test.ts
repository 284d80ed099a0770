import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { witnessKeys } from "../../src/host/witness-keys.ts";
import { createCa } from "../support/tls.ts";

test("reads every certificate of a bundle, with names and dates", async () => {
  const ca = await createCa("test authority");
  const client = await ca.issueClient("node-1");
  const inspection = inspectCertificates(`# comment\n${ca.cert}\n${client.cert}`);
  assert.ok(inspection.ok);
  assert.deepEqual(
    inspection.certificates.map(({ subject }) => subject),
    ["CN=test authority", "CN=node-1"],
  );
  assert.equal(inspection.certificates[1]?.notBeforeMs, Date.UTC(2020, 0, 1));
  assert.equal(inspection.certificates[1]?.notAfterMs, Date.UTC(2090, 0, 1));
  assert.equal(inspection.key, undefined);
});

test("tells whether a key belongs to the first certificate", async () => {
  const ca = await createCa();
  const [one, other] = [await ca.issueClient("one"), await ca.issueClient("other")];
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const encrypted = privateKey
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
    .toString();
  const keyOf = (key: string) => {
    const inspection = inspectCertificates(one.cert, key);
    return inspection.ok ? inspection.key : "failed";
  };
  assert.equal(keyOf(one.key), "match");
  assert.equal(keyOf(other.key), "mismatch");
  assert.equal(keyOf("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "unreadable");
  assert.equal(keyOf(encrypted), "encrypted");
});

test("a certificate that may not sign others can have signed itself", async () => {
  const ca = await createCa();
  const { certificate } = await witnessKeys.create("127.0.0.1");
  const client = await ca.issueClient("node-1");
  const inspection = inspectCertificates(`${ca.cert}\n${certificate}\n${client.cert}`);
  assert.ok(inspection.ok);
  assert.deepEqual(
    inspection.certificates.map(({ isCa, isSelfSigned }) => [isCa, isSelfSigned]),
    [
      [true, true],
      [false, true],
      [false, false],
    ],
  );
});

test("what is no certificate gives words, not an exception", () => {
  assert.deepEqual(inspectCertificates("hello"), { ok: true, certificates: [], key: undefined });
  const broken = inspectCertificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----");
  assert.equal(broken.ok, false);
});
