import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import type { Registry } from "../../../src/core/desired-state/desired-state.ts";
import { checkRendered } from "../../../src/core/render/check-rendered.ts";
import { namespaceOfDirectory, registryDirectory } from "../../../src/core/render/registry-directory.ts";
import {
  type RenderContext,
  type RenderedRegistry,
  renderRegistry,
} from "../../../src/core/render/render-registries.ts";
import { mirror, registry } from "../../agent/desired.ts";

const CERTS_D = "/etc/containerd/certs.d";
const CA = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

const witness = { address: "127.0.0.1:478", certificate: CA };

function render(
  wanted: Registry,
  versionText = "2.1.9",
  criHosts: readonly string[] = [],
  more: Pick<RenderContext, "witness"> = {},
): RenderedRegistry {
  const version = parseContainerdVersion(versionText);
  assert.ok(version);
  const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const criCredentialHosts = new Set(criHosts);
  const result = renderRegistry(wanted, { certsD: CERTS_D, version, digest, criCredentialHosts, ...more });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(checkRendered(result.registry, version, CERTS_D), []);
  return result.registry;
}

function textOf(rendered: RenderedRegistry): string {
  return Buffer.from(rendered.hostsToml.bytes).toString();
}

test("one mirror with a namespace, a private CA and Basic credentials", () => {
  const credential = { username: 'us"er', password: "p\\ä:s" };
  const { hostsToml, pemFiles, directory } = render(
    registry("gcr.io", [
      mirror("https://172.18.0.20:5000/v2/test-namespace", { ca: CA, credential, dialTimeout: "1s" }),
    ]),
  );
  const [pem] = pemFiles;
  assert.equal(directory, `${CERTS_D}/gcr.io`);
  assert.match(pem?.path ?? "", /^\/etc\/containerd\/certs\.d\/gcr\.io\/ca-[0-9a-f]{12}\.pem$/);
  assert.equal(
    Buffer.from(pem?.bytes ?? []).toString(),
    `# Owned by mirrorlet; edit the desired state instead.\n${CA}`,
  );
  assert.equal(hostsToml.mode, 0o600);
  assert.equal(
    Buffer.from(hostsToml.bytes).toString(),
    `# Owned by mirrorlet; edit the desired state instead.

# gcr.io: the mirrors in this order, then the upstream.
server = "https://gcr.io"

[host."https://172.18.0.20:5000/v2/test-namespace"]
  capabilities = ["pull", "resolve"]
  ca = "${pem?.path.split("/").at(-1)}"
  override_path = true
  dial_timeout = "1s"
  [host."https://172.18.0.20:5000/v2/test-namespace".header]
    authorization = "Basic ${Buffer.from('us"er:p\\ä:s').toString("base64")}"
`,
  );
});

test("upstream never: the last mirror is the server, with its own settings at the root, and a host table stands", () => {
  const credential = { username: "u", password: "p" };
  const rendered = render(
    registry("docker.io", [mirror("https://m.example", { ca: CA, credential })], "never"),
    "1.6.20",
  );
  assert.equal(
    textOf(rendered),
    `# Owned by mirrorlet; edit the desired state instead.

# docker.io: only the mirrors, never the upstream.
server = "https://m.example"
capabilities = ["pull", "resolve"]
ca = "${rendered.pemFiles[0]?.path.split("/").at(-1)}"
[header]
authorization = "Basic dTpw"

[host]
`,
  );
});

test("two mirrors, upstream never: the first is a host, the second the server", () => {
  const text = textOf(
    render(registry("quay.io", ["http://a.example:5000", "http://b.example:5000"], "never")),
  );
  assert.match(text, /^server = "http:\/\/b\.example:5000"$/m);
  assert.match(text, /^\[host\."http:\/\/a\.example:5000"\]$/m);
  assert.doesNotMatch(text, /quay\.io"/);
});

test("docker.io's server is registry-1; _default and loopback registries leave the server to containerd", () => {
  assert.match(
    textOf(render(registry("docker.io", ["http://m.example"]))),
    /^server = "https:\/\/registry-1\.docker\.io"$/m,
  );
  assert.doesNotMatch(textOf(render(registry("*", ["http://m.example"]))), /server =/);
  assert.doesNotMatch(textOf(render(registry("localhost:5000", ["http://m.example"]))), /server =/);
});

test("no TLS key ever stands on an http host", () => {
  const text = textOf(
    render(registry("gcr.io", [mirror("http://m.example:5000", { ca: CA, skipTlsVerify: true })])),
  );
  assert.doesNotMatch(text, /ca =|skip_verify|client/);
});

test("dial_timeout only where containerd knows it", () => {
  const wanted = registry("gcr.io", [mirror("http://m.example", { dialTimeout: "1s" })]);
  assert.doesNotMatch(textOf(render(wanted, "1.7.24")), /dial_timeout/);
  assert.match(textOf(render(wanted, "2.0.7")), /dial_timeout = "1s"/);
});

test("a client pair is one private file", () => {
  const client = {
    certificate: "-----BEGIN CERTIFICATE-----\nMCERTAAA\n-----END CERTIFICATE-----\n",
    key: "-----BEGIN PRIVATE KEY-----\nMKEYAAAA\n-----END PRIVATE KEY-----\n",
  };
  const { pemFiles, hostsToml } = render(registry("gcr.io", [mirror("https://m.example", { client })]));
  assert.equal(pemFiles.length, 1);
  assert.equal(pemFiles[0]?.mode, 0o600);
  assert.match(Buffer.from(pemFiles[0]?.bytes ?? []).toString(), /CERT[\s\S]*KEY/);
  assert.match(Buffer.from(hostsToml.bytes).toString(), /client = "client-[0-9a-f]{12}\.pem"/);
});

test("a credential for a token service stays out of hosts.toml", () => {
  const credential = { username: "u", password: "p" };
  const rendered = render(registry("gcr.io", [mirror("https://m.example", { credential })]), "2.1.9", [
    "m.example",
  ]);
  assert.doesNotMatch(textOf(rendered), /authorization/);
  assert.deepEqual(rendered.criCredentials, [{ host: "m.example", credential }]);
});

test("what a version cannot express is a reason, not a file it would drop", () => {
  const version = parseContainerdVersion("1.7.24");
  assert.ok(version);
  const context = { certsD: CERTS_D, version, digest: () => "0", criCredentialHosts: new Set<string>() };
  const ipv6 = renderRegistry(registry("gcr.io", ["http://[::1]:5000"]), context);
  assert.match(ipv6.ok ? "" : ipv6.reason, /IPv6 literal \[::1\]:5000/);
  const old = parseContainerdVersion("1.6.12");
  assert.ok(old);
  const wildcard = renderRegistry(registry("*", ["http://m.example"]), { ...context, version: old });
  assert.match(wildcard.ok ? "" : wildcard.reason, /does not know _default/);
});

const versions = ["1.6.17", "1.6.20", "1.7.24", "1.7.32", "2.0.0", "2.1.9", "2.3.4"];

test("the witness is the last host before the upstream, with a certificate of its own", () => {
  for (const version of versions) {
    const rendered = render(registry("gcr.io", ["http://m.example:5000"]), version, [], { witness });
    assert.equal(
      textOf(rendered),
      `# Owned by mirrorlet; edit the desired state instead.

# gcr.io: the mirrors in this order, then the upstream.
server = "https://gcr.io"

[host."http://m.example:5000"]
  capabilities = ["pull", "resolve"]

# mirrorlet itself: it has nothing; what is asked of it, no mirror has served.
[host."https://127.0.0.1:478/witness"]
  capabilities = ["pull", "resolve"]
  ca = "${rendered.pemFiles[0]?.path.split("/").at(-1)}"
  override_path = true
`,
    );
    assert.match(rendered.pemFiles[0]?.path ?? "", /\/gcr\.io\/witness-[0-9a-f]{12}\.pem$/);
    assert.deepEqual([rendered.hostsToml.mode, rendered.pemFiles[0]?.mode], [0o644, 0o644]);
  }
});

test("upstream never: the witness is the server, and every mirror a host", () => {
  for (const version of versions) {
    const credential = { username: "u", password: "p" };
    const mirrors = ["http://a.example", mirror("https://b.example", { ca: CA, credential })];
    const rendered = render(registry("docker.io", mirrors, "never"), version, [], { witness });
    const [ca, own] = rendered.pemFiles.map(({ path }) => path.split("/").at(-1));
    assert.equal(
      textOf(rendered),
      `# Owned by mirrorlet; edit the desired state instead.

# docker.io: only the mirrors, never the upstream.
# mirrorlet itself: it has nothing; what is asked of it, no mirror has served.
server = "https://127.0.0.1:478/witness"
capabilities = ["pull", "resolve"]
ca = "${own}"
override_path = true

[host."http://a.example"]
  capabilities = ["pull", "resolve"]

[host."https://b.example"]
  capabilities = ["pull", "resolve"]
  ca = "${ca}"
  [host."https://b.example".header]
    authorization = "Basic dTpw"
`,
    );
  }
});

test("the witness is asked for tags only where a mirror is, and never for a registry of its own name", () => {
  const digests = mirror("http://m.example", { capabilities: ["pull"] });
  const capabilities = (mirrors: Parameters<typeof registry>[1]): string | undefined =>
    /witness"\]\n {2}capabilities = (.*)$/m.exec(
      textOf(render(registry("gcr.io", mirrors), "2.1.9", [], { witness })),
    )?.[1];
  assert.equal(capabilities([digests]), '["pull"]');
  assert.equal(capabilities([digests, "http://other.example"]), '["pull", "resolve"]');
  const own = render(registry("127.0.0.1:478", ["http://m.example"]), "2.1.9", [], { witness });
  assert.deepEqual([own.witness, own.pemFiles], [undefined, []]);
  assert.doesNotMatch(textOf(own), /witness/);
});

test("a witness that would not be read back as one is a reason", () => {
  const version = parseContainerdVersion("2.1.9");
  assert.ok(version);
  const good = render(registry("gcr.io", ["http://m.example"]), "2.1.9", [], { witness });
  const { witness: _left, ...unforeseen } = good;
  const text = textOf(good).replace("/witness", "/elsewhere");
  const led = { ...good, hostsToml: { ...good.hostsToml, bytes: new TextEncoder().encode(text) } };
  for (const bad of [unforeseen, { ...good, pemFiles: [] }, led])
    assert.match(
      checkRendered(bad, version, CERTS_D)[0]?.reason ?? "",
      /would not read back what was rendered/,
    );
});

test("directory names", () => {
  const names = ["gcr.io", "10.0.0.1:5000", "localhost:5000", "[::1]:5000", "*"].map(registryDirectory);
  assert.deepEqual(names, ["gcr.io", "10.0.0.1_5000_", "localhost_5000_", "[::1]_5000_", "_default"]);
  const back = ["gcr.io", "10.0.0.1:5000", "localhost:5000", "[::1]:5000", "*"];
  assert.deepEqual(names.map(namespaceOfDirectory), back);
});
