import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { witnessKeys } from "../../src/host/witness-keys.ts";

test("the certificate is a server's for one address, no authority's, and never out of date", async () => {
  const { certificate } = await witnessKeys.create("127.0.0.1");
  const parsed = new X509Certificate(certificate);
  assert.equal(parsed.ca, false);
  assert.equal(parsed.subjectAltName, "IP Address:127.0.0.1");
  assert.equal(parsed.subject, "CN=mirrorlet witness");
  assert.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.ok(Date.parse(parsed.validFrom) <= 0);
  assert.ok(Date.parse(parsed.validTo) >= Date.parse("9999-12-31T00:00:00Z"));
  assert.ok(parsed.verify(parsed.publicKey), "signed with its own key");
  const { asymmetricKeyType, asymmetricKeyDetails } = parsed.publicKey;
  assert.deepEqual([asymmetricKeyType, asymmetricKeyDetails?.namedCurve], ["ec", "prime256v1"]);
});

test("another program reads it: OpenSSL's strict check finds no fault", async () => {
  const { certificate } = await witnessKeys.create("127.9.8.7");
  const text = execFileSync("openssl", ["x509", "-noout", "-text", "-checkip", "127.9.8.7"], {
    input: certificate,
    encoding: "utf8",
  });
  assert.match(text, /does match certificate/);
  assert.match(text, /Key Usage: critical\s+Digital Signature\n/);
  assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
});

test("two nodes have nothing in common", async () => {
  const [one, other] = [await witnessKeys.create("127.0.0.1"), await witnessKeys.create("127.0.0.1")];
  assert.notEqual(one.key, other.key);
  const serials = [one, other].map(({ certificate }) => new X509Certificate(certificate).serialNumber);
  assert.notEqual(serials[0], serials[1]);
});

test("an identity is accepted for its own address, with its own key, and whole", async () => {
  const ip = "127.0.0.1";
  const good = await witnessKeys.create(ip);
  const other = await witnessKeys.create(ip);
  assert.equal(await witnessKeys.accepts(good, ip), true);
  assert.equal(await witnessKeys.accepts(good, "127.0.0.2"), false);
  assert.equal(await witnessKeys.accepts({ ...good, key: other.key }, ip), false);
  assert.equal(await witnessKeys.accepts({ ...good, key: "" }, ip), false);
  assert.equal(await witnessKeys.accepts({ ...good, certificate: good.certificate.slice(60) }, ip), false);
});
