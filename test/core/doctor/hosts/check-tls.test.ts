import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { NodeView } from "../../../../src/core/doctor/node-view.ts";
import { inspectCertificates } from "../../../../src/host/certificates.ts";
import { codesOf, findingsOf, type NodeFiles, RELEASES } from "../../../support/doctored-node.ts";
import { createCa, createSelfSigned, type LabCertificate } from "../../../support/tls.ts";
import { hostsNode, MIRROR } from "./hosts-node.ts";

const HOUR_MS = 3_600_000;

let ca: string;
let server: LabCertificate;
let client: LabCertificate;
let other: LabCertificate;
let selfSigned: LabCertificate;

before(async () => {
  const authority = await createCa();
  ca = authority.cert;
  [server, client, other, selfSigned] = await Promise.all([
    authority.issueServer(),
    authority.issueClient("node"),
    authority.issueClient("other"),
    createSelfSigned("mirror.corp"),
  ]);
});

const node = (text: string, files: NodeFiles = {}): NodeFiles => {
  const below = Object.entries(files).map(([name, content]) => [`gcr.io/${name}`, content] as const);
  return { "gcr.io/hosts.toml": { text: `${MIRROR}${text}`, mode: 0o600 }, ...Object.fromEntries(below) };
};

async function expectOne(
  files: NodeFiles,
  code: string,
  severity: string,
  fix: RegExp,
  more: Partial<NodeView> = {},
) {
  for (const release of RELEASES) {
    const [found, ...others] = await findingsOf(hostsNode(release, files), release, more);
    assert.deepEqual(others, [], release);
    assert.deepEqual([found?.code, found?.severity], [code, severity], release);
    assert.match(found?.fix ?? "", fix, release);
    if (code.endsWith("unusable"))
      assert.match(found?.consequence ?? "", /^every pull of gcr\.io fails/, release);
  }
}

async function expectNone(files: NodeFiles, more: Partial<NodeView> = {}) {
  for (const release of RELEASES)
    assert.deepEqual(await codesOf(hostsNode(release, files), release, more), [], release);
}

const secret = (text: string) => ({ text, mode: 0o600 });

test("ca-file-unusable: missing, no PEM, empty name; one that loads, in and outside of certs.d", async () => {
  const code = "ca-file-unusable";
  await expectOne(
    node('ca = "ca.crt"\n', { "ca.cert": "x" }),
    code,
    "error",
    /mend its name .*; there is .*gcr\.io\/ca\.cert$/,
  );
  await expectOne(node('ca = "/etc/pki/none.pem"\n'), code, "error", /^put the file there/);
  await expectOne(node('ca = "ca.crt"\n', { "ca.crt": "hello" }), code, "error", /as PEM$/);
  await expectOne(
    node('ca = "ca.crt"\n', { "ca.crt": "0\u0001" }),
    code,
    "error",
    /^openssl x509 -inform der/,
  );
  await expectOne(node('ca = ""\n'), code, "error", /^delete the empty name/);
  await expectNone(node('ca = "ca.crt"\n', { "ca.crt": ca }));
  for (const release of RELEASES) {
    const files = { ...hostsNode(release, node('ca = "/etc/pki/ca.pem"\n')), "/etc/pki/ca.pem": ca };
    assert.deepEqual(await codesOf(files, release), [], release);
  }
});

test("client-file-unusable: pairs in the wrong form, a foreign key, no key", async () => {
  const code = "client-file-unusable";
  const pair = { "c.crt": client.cert, "c.key": secret(client.key) };
  const both = { "c.pem": secret(client.cert + client.key) };
  await expectOne(
    node('client = [["c.pem", ""]]\n', both),
    code,
    "error",
    /^write client = ".*c\.pem", which holds/,
  );
  await expectOne(
    node('client = ["c.crt", "c.key"]\n', pair),
    code,
    "error",
    /^write client = \[\[".*c\.crt", ".*c\.key"\]\]/,
  );
  await expectOne(
    node('client = [["c.key", "c.crt"]]\n', pair),
    code,
    "error",
    /the certificate comes first$/,
  );
  await expectOne(node('client = [["c.crt", "no.key"]]\n', pair), code, "error", /^put the file there/);
  const foreign = { ...pair, "c.key": secret(other.key) };
  await expectOne(
    node('client = [["c.crt", "c.key"]]\n', foreign),
    code,
    "error",
    /^put the private key of .*c\.crt into/,
  );
  await expectNone(node('client = [["c.crt", "c.key"]]\n', pair));
  await expectNone(node('client = "c.pem"\n', both));
});

test("certificate-not-valid and certificate-expires-soon: by the dates of what is read", async () => {
  const inspection = inspectCertificates(ca);
  assert.ok(inspection.ok);
  const [{ notAfterMs = 0, notBeforeMs = 0 } = {}] = inspection.certificates;
  const files = node('ca = "ca.crt"\n', { "ca.crt": ca });
  const at = (nowMs: number) => ({ nowMs });
  await expectOne(files, "certificate-not-valid", "error", /^put the CA's current/, at(notAfterMs + HOUR_MS));
  await expectOne(
    files,
    "certificate-not-valid",
    "error",
    /^put the CA's current/,
    at(notBeforeMs - HOUR_MS),
  );
  await expectOne(files, "certificate-expires-soon", "info", /./, at(notAfterMs - 12 * HOUR_MS));
  await expectOne(files, "certificate-expires-soon", "warning", /./, at(notAfterMs - 2 * HOUR_MS));
  await expectNone(files, at(notAfterMs - 30 * HOUR_MS));
  await expectNone(node('ca = "ca.crt"\nskip_verify = true\n', { "ca.crt": ca }), at(notAfterMs + HOUR_MS));
});

test("ca-file-without-ca: a server's certificate, unless it signed itself", async () => {
  const files = (cert: string) => node('ca = "ca.crt"\n', { "ca.crt": cert });
  await expectOne(files(server.cert), "ca-file-without-ca", "warning", /^put the certificate of the CA/);
  await expectNone(files(selfSigned.cert));
  await expectNone(files(server.cert + ca));
});

test("docker-certs-name and certificate-unread: files that nobody names", async () => {
  const pair = { "client.key": secret(client.key) };
  await expectOne(
    { "gcr.io/client.crt": client.cert, "gcr.io/client.key": pair["client.key"] },
    "docker-certs-name",
    "warning",
    /^mv .*client\.crt .*client\.cert$/,
  );
  await expectNone({
    "gcr.io/client.cert": client.cert,
    "gcr.io/client.key": pair["client.key"],
    "gcr.io/ca.crt": ca,
  });
  await expectOne({ "gcr.io/ca.cert": ca }, "client-file-unusable", "error", /^mv .*ca\.cert .*ca\.crt: /);
  await expectOne(node("", { "ca.crt": ca }), "certificate-unread", "info", /^write ca = "ca\.crt" below/);
  await expectNone(node('ca = ["ca.crt"]\n', { "ca.crt": ca }));
});

test("secret-readable and secret-over-http: a header or key that others can read", async () => {
  const text = `${MIRROR}[host."https://mirror.corp".header]\nauthorization = "Basic c2VjcmV0"\n`;
  await expectOne(
    { "gcr.io/hosts.toml": { text, mode: 0o644 } },
    "secret-readable",
    "warning",
    /^chmod 600 /,
  );
  await expectNone({ "gcr.io/hosts.toml": { text, mode: 0o640 } });
  const plain = { "gcr.io/hosts.toml": secret(text.replaceAll("https://", "http://")) };
  await expectOne(plain, "secret-over-http", "warning", /TLS/);
  await expectNone({
    "gcr.io/hosts.toml": secret(text.replaceAll("https://mirror.corp", "http://127.0.0.1:5000")),
  });
  const keys = { "c.crt": client.cert, "c.key": { text: client.key, mode: 0o644 } };
  await expectOne(
    node('client = [["c.crt", "c.key"]]\n', keys),
    "secret-readable",
    "warning",
    /^chmod 600 .*c\.key/,
  );
  for (const release of RELEASES) {
    const findings = await findingsOf(hostsNode(release, plain), release);
    assert.doesNotMatch(JSON.stringify(findings), /c2VjcmV0/);
  }
});
