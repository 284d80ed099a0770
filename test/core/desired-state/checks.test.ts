import assert from "node:assert/strict";
import { before, test } from "node:test";
import { checkMassRemoval } from "../../../src/core/desired-state/check-mass-removal.ts";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { ISSUE_CODES, type IssueCode } from "../../../src/core/desired-state/issue-codes.ts";
import type { Issue } from "../../../src/core/issue.ts";
import { createCa } from "../../support/tls.ts";
import { base64, dockerConfig, type ResolveTextOptions, resolveText } from "./resolve-text.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SHORT_LIVED = { startMs: 0, endMs: 0, pem: "" };
const GOOD = { pem: "", key: "", otherKey: "", otherPem: "" };

before(async () => {
  const ca = await createCa("short lived");
  SHORT_LIVED.startMs = Date.now();
  SHORT_LIVED.endMs = Date.now() + 2 * DAY_MS;
  SHORT_LIVED.pem = ca.cert;
  const [one, other] = [await ca.issueClient("one"), await ca.issueClient("other")];
  Object.assign(GOOD, { pem: one.cert, key: one.key, otherPem: other.cert, otherKey: other.key });
});

interface Case {
  readonly code: IssueCode;
  readonly severity?: "warning";
  /** `¦` stands before the character the issue must point at. */
  readonly bad: string;
  readonly good: string;
  readonly bad2?: ResolveTextOptions | (() => ResolveTextOptions);
  readonly good2?: ResolveTextOptions | (() => ResolveTextOptions);
  /** What the message and the fix must say. */
  readonly says?: RegExp;
}

/** A native document with one entry, its parts replaceable. */
function native(entry: string, rest = ""): string {
  return `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors:\n  - ${entry}\n${rest}`;
}
const OK = "{endpoint: https://m.io, hosts: [gcr.io]}";
const endpoint = (text: string): string => native(`{endpoint: ¦"${text}", hosts: [gcr.io]}`);
const hosts = (text: string): string => native(`{endpoint: https://m.io, hosts: [${text}]}`);
const set = (entry: string): string => `kind: ImageTagMirrorSet\nspec:\n  imageTagMirrors:\n  - ${entry}\n`;
const withCa = native("{endpoint: https://m.io, hosts: [gcr.io], caCertPath: ¦/ca.crt}");
const withClient = native(
  "{endpoint: https://m.io, hosts: [gcr.io], clientCertPath: /c.crt, clientKeyPath: ¦/c.key}",
);
const withConfig = native("{endpoint: https://m.io, hosts: [gcr.io], pullCredentialConfigPath: ¦/c.json}");
const k3s = (config: string): string =>
  `mirrors:\n  gcr.io: {endpoint: ["https://m.io"]}\nconfigs:\n  ${config}\n`;
const goodConfig = { files: { "/c.json": dockerConfig({ "m.io": "u:p" }) } };
const goodCa = (): ResolveTextOptions => ({ files: { "/ca.crt": GOOD.pem } });
const shortCa = (nowMs: () => number) => (): ResolveTextOptions => ({
  files: { "/ca.crt": SHORT_LIVED.pem },
  nowMs: nowMs(),
});

const CASES: readonly Case[] = [
  { code: "too-large", bad: `¦#${"x".repeat(4 * 1024 * 1024)}`, good: native(OK) },
  {
    code: "control-character",
    bad: native('{endpoint: ¦"https://m.io\\r\\nX: y", hosts: [gcr.io]}'),
    good: native(OK),
    says: /header/,
  },
  { code: "control-character", bad: `kind: x\na¦\0b: 1`, good: native(OK), says: /NUL/ },
  {
    code: "control-character",
    bad: native('{endpoint: https://m.io, hosts: [¦"\\uD800"]}'),
    good: native(OK),
    says: /surrogate/,
  },
  { code: "empty-input", bad: "¦# nothing here\n\n", good: native(OK), says: /allowMassRemoval/ },
  { code: "empty-input", bad: "¦", good: native(OK) },
  { code: "empty-input", bad: "¦---\n---\n", good: `---\n${native(OK)}---\n` },
  { code: "yaml-syntax", bad: "kind: [¦", good: "kind: Namespace\n", says: /cut off/ },
  {
    code: "yaml-alias",
    bad: native("{endpoint: https://m.io, hosts: ¦*nothing}"),
    good: native("{endpoint: https://m.io, hosts: &h [gcr.io]}", "x: *h\n"),
  },
  { code: "yaml-tag", bad: "a: !!js/function ¦x", good: "a: !!str x" },
  {
    code: "too-deep",
    bad: `${"[".repeat(33)}¦${"]".repeat(33)}`.replace("¦", ""),
    good: "[".repeat(32) + "]".repeat(32),
  },
  { code: "too-many-nodes", bad: Array.from({ length: 210_000 }, () => "a: 1").join("\n"), good: native(OK) },
  { code: "duplicate-key", bad: `${native(OK)}¦kind: RegistryMirrors\n`, good: native(OK), says: /line 2/ },
  { code: "forbidden-key", bad: `${native(OK)}¦__proto__: {a: 1}\n`, good: native(OK) },
  { code: "forbidden-key", bad: native(OK, '¦"constructor": 1\n'), good: native(OK) },
  {
    code: "key-not-text",
    bad: native(OK, "upstream: {¦[a]: never}\n"),
    good: native(OK, "upstream: {gcr.io: never}\n"),
  },
  {
    code: "too-many-issues",
    bad: native(`{endpoint: https://m.io, hosts: [${"A,".repeat(1100)}]}`),
    good: native(`{endpoint: https://m.io, hosts: [${"A,".repeat(1000)}]}`),
  },

  { code: "wrong-type", bad: "¦- a list\n", good: native(OK) },
  {
    code: "wrong-type",
    bad: native("{endpoint: https://m.io, hosts: ¦gcr.io}"),
    good: native(OK),
    says: /must be a list/,
  },
  {
    code: "wrong-type",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], skipTLSVerify: ¦yes}"),
    good: native("{endpoint: https://m.io, hosts: [gcr.io], skipTLSVerify: true}"),
    says: /true or false/,
  },
  { code: "wrong-type", bad: native(OK, "generation: ¦1.5\n"), good: native(OK, "generation: 1\n") },
  { code: "missing-key", bad: native("¦{hosts: [gcr.io]}"), good: native(OK), says: /endpoint/ },
  {
    code: "missing-key",
    bad: native("¦{endpoint: https://m.io}"),
    good: "registryMirrors: [{endpoint: https://m.io}]\n",
    says: /hosts/,
  },
  {
    code: "missing-key",
    bad: native("{endpoint: https://m.io, ¦hosts: []}"),
    good: native(OK),
    says: /hosts/,
  },
  {
    code: "unknown-key",
    bad: native("{endpoint: https://m.io, ¦host: [gcr.io]}"),
    good: native(OK),
    says: /did you mean hosts\?/,
  },
  {
    code: "unknown-key",
    bad: `¦registryMirors: []\n`,
    good: native(OK),
    says: /did you mean registryMirrors\?/,
  },
  {
    code: "ignored-key",
    severity: "warning",
    bad: "registryMirrors: [{endpoint: https://m.io}]\n¦privateRegistries: [{host: a.io}]\n",
    good: "registryMirrors: [{endpoint: https://m.io}]\nsshPrivateKeyPath: a\n",
  },
  {
    code: "unknown-kind",
    bad: "kind: ¦RegistryMirror\n",
    good: native(OK),
    says: /did you mean RegistryMirrors\?/,
  },
  {
    code: "unknown-kind",
    bad: `apiVersion: ¦mirrorlet/v2\nkind: RegistryMirrors\nregistryMirrors: [${OK}]\n`,
    good: native(OK),
  },
  { code: "unknown-form", bad: "¦colour: red\n", good: native(OK) },
  {
    code: "empty-registries",
    bad: "apiVersion: mirrorlet/v1\nkind: RegistryMirrors\n¦registryMirrors: []\n",
    good: "apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors: []\nallowMassRemoval: true\n",
  },
  { code: "empty-registries", bad: "¦kind: Namespace\n", good: `kind: Namespace\n---\n${native(OK)}` },

  {
    code: "endpoint-scheme",
    bad: endpoint("m.io:5000"),
    good: endpoint("http://m.io:5000"),
    says: /write https:\/\/m\.io:5000/,
  },
  {
    code: "endpoint-scheme",
    bad: endpoint("HTTPS://m.io"),
    good: endpoint("https://m.io"),
    says: /write https:\/\/m\.io/,
  },
  { code: "endpoint-scheme", bad: endpoint("ftp://m.io"), good: endpoint("http://m.io") },
  {
    code: "endpoint-host",
    bad: endpoint("https://M.io:5000/v2/ns"),
    good: endpoint("https://m.io:5000/v2/ns"),
    says: /write https:\/\/m\.io:5000\/v2\/ns/,
  },
  { code: "endpoint-host", bad: endpoint("https://../../etc"), good: endpoint("https://a.b/v2/etc") },
  {
    code: "endpoint-host",
    bad: endpoint("https://m.io:65536"),
    good: endpoint("https://m.io:65535"),
    says: /1 to 65535/,
  },
  { code: "endpoint-host", bad: endpoint("https://m.io:0"), good: endpoint("https://m.io:1") },
  { code: "endpoint-host", bad: endpoint("https://::1:5000"), good: endpoint("https://[::1]:5000") },
  { code: "endpoint-host", bad: endpoint("https://m_o.io"), good: endpoint("https://m-o.io") },
  {
    code: "endpoint-userinfo",
    bad: endpoint("https://ann:secret@m.io/v2/ns"),
    good: endpoint("https://m.io/v2/ns"),
    says: /write https:\/\/m\.io\/v2\/ns/,
  },
  {
    code: "endpoint-query",
    bad: endpoint("https://m.io/v2/ns?ns=a"),
    good: endpoint("https://m.io/v2/ns"),
    says: /write https:\/\/m\.io\/v2\/ns/,
  },
  { code: "endpoint-query", bad: endpoint("https://m.io#a"), good: endpoint("https://m.io") },
  {
    code: "endpoint-path",
    bad: endpoint("https://h:5000/v2"),
    good: endpoint("https://h:5000/v2/a"),
    says: /write https:\/\/h:5000 or https:\/\/h:5000\/v2\/<namespace>/,
  },
  {
    code: "endpoint-path",
    bad: endpoint("https://h:5000/v2/"),
    good: endpoint("https://h:5000/"),
    says: /write https:\/\/h:5000 or/,
  },
  {
    code: "endpoint-path",
    bad: endpoint("https://h:5000/namespace"),
    good: endpoint("https://h:5000/v2/namespace"),
    says: /write https:\/\/h:5000\/v2\/namespace$/,
  },
  {
    code: "endpoint-path",
    bad: endpoint("https://h:5000/namespace/v2"),
    good: endpoint("https://h:5000/v2/namespace/"),
    says: /write https:\/\/h:5000\/v2\/namespace$/,
  },
  {
    code: "endpoint-path",
    bad: endpoint("https://h:5000/v2/namespace/v2"),
    good: endpoint("https://h:5000/v2/v2tools"),
    says: /twice.*write https:\/\/h:5000\/v2\/namespace$/,
  },
  { code: "endpoint-path", bad: endpoint("https://h/v2/../etc"), good: endpoint("https://h/v2/e.t-c_a") },
  {
    code: "endpoint-path",
    bad: endpoint("https://h/v2/Team"),
    good: endpoint("https://h/v2/team"),
    says: /write https:\/\/h\/v2\/team/,
  },
  {
    code: "endpoint-docker-io",
    bad: endpoint("https://docker.io"),
    good: endpoint("https://registry-1.docker.io"),
    says: /write https:\/\/registry-1\.docker\.io/,
  },
  {
    code: "ipv6-literal",
    bad: endpoint("https://[::1]:5000"),
    good: endpoint("https://[::1]:5000"),
    bad2: { containerd: "1.7.24" },
    good2: { containerd: "2.1.9" },
  },
  {
    code: "ipv6-literal",
    bad: hosts('¦"[::1]:5000"'),
    good: hosts('"[::1]:5000"'),
    bad2: { containerd: "1.6.20" },
    good2: { containerd: "1.7.0" },
  },

  { code: "host-invalid", bad: hosts("¦GCR.io"), good: hosts("gcr.io"), says: /write gcr\.io/ },
  { code: "host-invalid", bad: hosts("¦https://gcr.io/"), good: hosts("gcr.io"), says: /write gcr\.io/ },
  { code: "host-invalid", bad: hosts("¦gcr.io/project"), good: hosts("gcr.io"), says: /whole registries/ },
  { code: "host-invalid", bad: hosts("¦../../etc"), good: hosts("..a.io".slice(2)) },
  { code: "host-invalid", bad: hosts("¦_default"), good: hosts('"*"'), says: /write "\*"/ },
  { code: "host-invalid", bad: hosts('¦"*.gcr.io"'), good: hosts('"*"'), says: /patterns/ },
  { code: "host-invalid", bad: hosts("¦mirror"), good: hosts("localhost"), says: /repository of docker\.io/ },
  { code: "host-invalid", bad: hosts("¦gcr.io."), good: hosts("gcr.io") },
  { code: "host-invalid", bad: hosts("¦127.0.0.1_5000_"), good: hosts('"127.0.0.1:5000"') },
  { code: "host-invalid", bad: hosts(`¦"${"a.".repeat(128)}a"`), good: hosts(`"${"a.".repeat(127)}a"`) },
  {
    code: "host-own",
    bad: native("{endpoint: https://m.io:443, hosts: [gcr.io, ¦m.io]}"),
    good: native('{endpoint: "https://m.io:5000", hosts: [m.io]}'),
  },
  {
    code: "host-own",
    bad: native("{endpoint: https://registry-1.docker.io, hosts: [¦docker.io]}"),
    good: native("{endpoint: https://registry-1.docker.io, hosts: [gcr.io]}"),
  },
  { code: "host-alias", bad: hosts("¦index.docker.io"), good: hosts("docker.io"), says: /write docker\.io/ },
  { code: "host-alias", bad: hosts("¦registry-1.docker.io"), good: hosts("registry-2.docker.io") },
  {
    code: "host-duplicate",
    severity: "warning",
    bad: hosts("gcr.io, ¦gcr.io"),
    good: hosts("gcr.io, k8s.gcr.io"),
  },

  {
    code: "capability-unknown",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], capabilities: [pull, ¦referrers]}"),
    good: native("{endpoint: https://m.io, hosts: [gcr.io], capabilities: [pull]}"),
  },
  {
    code: "capability-unknown",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], ¦capabilities: []}"),
    good: native(OK),
    says: /all capabilities/,
  },
  {
    code: "capability-no-pull",
    severity: "warning",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], ¦capabilities: [resolve]}"),
    good: native("{endpoint: https://m.io, hosts: [gcr.io], capabilities: [pull]}"),
  },
  {
    code: "dial-timeout",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], dialTimeout: ¦1 s}"),
    good: native("{endpoint: https://m.io, hosts: [gcr.io], dialTimeout: 1m30.5s}"),
  },
  {
    code: "dial-timeout",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], dialTimeout: ¦0s}"),
    good: native("{endpoint: https://m.io, hosts: [gcr.io], dialTimeout: 10ms}"),
  },
  {
    code: "path-not-absolute",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], caCertPath: ¦ca.crt}"),
    good: withCa,
    good2: goodCa,
  },
  {
    code: "path-not-absolute",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], caCertPath: ¦/a/../etc/x}"),
    good: withCa,
    good2: goodCa,
  },
  {
    code: "tls-on-http",
    bad: native("{endpoint: http://m.io, hosts: [gcr.io], caCertPath: ¦/ca.crt}"),
    good: withCa,
    good2: goodCa,
  },
  {
    code: "tls-on-http",
    bad: native("{endpoint: ¦http://m.io, hosts: [gcr.io], skipTLSVerify: true}"),
    good: native("{endpoint: http://m.io, hosts: [gcr.io], skipTLSVerify: false}"),
  },
  {
    code: "tls-not-verified",
    severity: "warning",
    bad: native("{endpoint: ¦https://m.io, hosts: [gcr.io], skipTLSVerify: true}"),
    good: native(OK),
  },
  {
    code: "key-conflict",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], caCertPath: /ca.crt, ¦caCert: x}"),
    good: withCa,
    good2: goodCa,
  },
  {
    code: "key-conflict",
    bad: native(
      "{endpoint: https://m.io, hosts: [gcr.io], pullCredentialConfigPath: /c.json, ¦pullCredential: {username: a, passwordFile: /p}}",
    ),
    good: withConfig,
    good2: goodConfig,
  },
  {
    code: "client-pair",
    bad: native("{endpoint: https://m.io, hosts: [gcr.io], ¦clientCertPath: /c.crt}"),
    good: withClient,
    good2: () => ({ files: { "/c.crt": GOOD.pem, "/c.key": GOOD.key } }),
  },

  {
    code: "upstream-policy",
    bad: native(OK, "upstream: {gcr.io: ¦nevr}\n"),
    good: native(OK, "upstream: {gcr.io: never}\n"),
    says: /did you mean never\?/,
  },
  {
    code: "upstream-conflict",
    bad: `${native(OK, "upstream: {gcr.io: never}\n")}---\n${native(OK, "upstream: {¦gcr.io: allow}\n")}`,
    good: `${native(OK, "upstream: {gcr.io: never}\n")}---\n${native(OK, "upstream: {gcr.io: never}\n")}`,
    says: /state\.yaml:5/,
  },
  {
    code: "upstream-without-mirror",
    severity: "warning",
    bad: native(OK, "upstream: {¦quay.io: allow}\n"),
    good: native(OK, "upstream: {gcr.io: allow}\n"),
  },
  {
    code: "never-without-mirror",
    bad: native(OK, "upstream: {¦quay.io: never}\n"),
    good: native(OK, "upstream: {gcr.io: never}\n"),
  },
  {
    code: "never-not-for-rest",
    severity: "warning",
    bad: native(OK, 'upstream: {¦"*": never}\n'),
    good: native('{endpoint: https://m.io, hosts: ["*"]}', 'upstream: {"*": never}\n'),
  },
  {
    code: "never-digest-only",
    severity: "warning",
    bad: set("{source: ¦gcr.io, mirrors: [m.io], mirrorSourcePolicy: NeverContactSource}").replaceAll(
      "Tag",
      "Digest",
    ),
    good: set("{source: gcr.io, mirrors: [m.io], mirrorSourcePolicy: NeverContactSource}").replace(
      "imageTag",
      "imageTag",
    ),
  },

  {
    code: "mirror-conflict",
    bad: native(`${OK}\n  - {endpoint: ¦https://m.io, hosts: [gcr.io], capabilities: [pull]}`),
    good: native(`${OK}\n  - {endpoint: https://m.io, hosts: [gcr.io], capabilities: [resolve, pull]}`),
  },
  {
    code: "mirror-order",
    severity: "warning",
    bad: set("{source: ¦gcr.io, mirrors: [a.io, b.io]}\n  - {source: gcr.io, mirrors: [b.io, a.io]}"),
    good: set("{source: gcr.io, mirrors: [a.io, b.io]}\n  - {source: gcr.io, mirrors: [b.io, c.io]}"),
    says: /https:\/\/a\.io, https:\/\/b\.io/,
  },
  {
    code: "too-many-mirrors",
    bad: set(`{source: gcr.io, mirrors: [${Array.from({ length: 65 }, (_, i) => `m${i}.io`).join(", ")}]}`),
    good: set(`{source: gcr.io, mirrors: [${Array.from({ length: 64 }, (_, i) => `m${i}.io`).join(", ")}]}`),
  },
  { code: "no-mirrors", bad: set("¦{source: gcr.io}"), good: set("{source: gcr.io, mirrors: [m.io]}") },
  {
    code: "no-mirrors",
    severity: "warning",
    bad: `mirrors:\n  ¦gcr.io: {}\n  quay.io: {endpoint: ["https://m.io"]}\n`,
    good: `mirrors:\n  gcr.io: {endpoint: ["https://m.io"]}\n`,
  },

  {
    code: "source-invalid",
    bad: set('{source: ¦"*.example.com", mirrors: [m.io]}'),
    good: set("{source: example.com, mirrors: [m.io]}"),
  },
  {
    code: "source-invalid",
    bad: set("{source: ¦gcr.io/App, mirrors: [m.io]}"),
    good: set("{source: gcr.io/app, mirrors: [m.io/app]}"),
  },
  {
    code: "source-widened",
    severity: "warning",
    bad: set("{source: ¦gcr.io/app, mirrors: [m.io/app]}"),
    good: set("{source: gcr.io, mirrors: [m.io/app]}"),
    says: /outside gcr\.io\/app/,
  },
  {
    code: "mirror-path",
    bad: set("{source: gcr.io/app, mirrors: [¦m.io/other]}"),
    good: set("{source: gcr.io/app, mirrors: [m.io/other/app]}"),
    says: /m\.io\/<prefix>\/app/,
  },
  {
    code: "mirror-path",
    bad: set("{source: gcr.io/app, mirrors: [¦m.io/myapp]}"),
    good: set("{source: gcr.io/app, mirrors: [m.io/my/app]}"),
  },

  {
    code: "rewrite",
    bad: `mirrors:\n  gcr.io:\n    endpoint: ["https://m.io"]\n    ¦rewrite: {"^a/(.*)": "b/$1"}\n`,
    good: `mirrors:\n  gcr.io:\n    endpoint: ["https://m.io"]\n`,
    says: /cannot rewrite/,
  },
  {
    code: "upstream-tls",
    bad: k3s("¦quay.io: {tls: {insecure_skip_verify: true}}"),
    good: k3s("m.io: {tls: {insecure_skip_verify: true}}"),
  },

  {
    code: "secret-missing",
    bad: "kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.io, caCertSecretRef: {name: ¦ca, namespace: ns}}]}}\n",
    good: "kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.io}]}}\n",
    says: /Secret ns\/ca/,
  },
  {
    code: "secret-invalid",
    bad: "kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.io, caCertSecretRef: {name: ¦ca}}]}}\n---\nkind: Secret\nmetadata: {name: ca}\nstringData: {tls.key: x}\n",
    good: "kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.io}]}}\n",
    says: /"tls\.key".*ca\.crt/,
  },
  {
    code: "secret-invalid",
    bad: `${native(OK)}---\nkind: Secret\nmetadata: {name: ca}\ndata: {a: ¦"not base64!"}\n`,
    good: `${native(OK)}---\nkind: Secret\nmetadata: {name: ca}\ndata: {a: ${base64("x")}}\n`,
  },

  { code: "file-missing", bad: withCa, good: withCa, good2: goodCa, says: /CA certificate \/ca\.crt/ },
  {
    code: "file-unreadable",
    bad: withCa,
    good: withCa,
    bad2: { files: { "/ca.crt": undefined } },
    good2: goodCa,
    says: /permission denied/,
  },
  {
    code: "file-too-large",
    bad: withCa,
    good: withCa,
    bad2: { files: { "/ca.crt": new Uint8Array(1024 * 1024 + 1) } },
    good2: goodCa,
  },
  {
    code: "file-not-text",
    bad: withCa,
    good: withCa,
    bad2: { files: { "/ca.crt": Uint8Array.of(0x30, 0x82, 0xff, 0xfe) } },
    good2: goodCa,
    says: /der/,
  },

  {
    code: "certificate-invalid",
    bad: withCa,
    good: withCa,
    bad2: { files: { "/ca.crt": "no certificate\n" } },
    good2: goodCa,
  },
  {
    code: "certificate-invalid",
    bad: withCa,
    good: withCa,
    bad2: () => ({ files: { "/ca.crt": GOOD.pem.slice(0, -30) } }),
    good2: goodCa,
    says: /damaged/,
  },
  {
    code: "certificate-invalid",
    bad: withCa,
    good: withCa,
    bad2: () => ({ files: { "/ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }),
    good2: goodCa,
  },
  {
    code: "certificate-expired",
    bad: withCa,
    good: withCa,
    bad2: shortCa(() => SHORT_LIVED.endMs + DAY_MS),
    good2: shortCa(() => SHORT_LIVED.endMs - DAY_MS),
    says: /short lived/,
  },
  {
    code: "certificate-expired",
    severity: "warning",
    bad: withCa,
    good: withCa,
    bad2: () => ({ files: { "/ca.crt": SHORT_LIVED.pem + GOOD.pem }, nowMs: SHORT_LIVED.endMs + DAY_MS }),
    good2: goodCa,
  },
  {
    code: "certificate-not-yet-valid",
    bad: withCa,
    good: withCa,
    bad2: shortCa(() => SHORT_LIVED.startMs - DAY_MS),
    good2: shortCa(() => SHORT_LIVED.startMs + DAY_MS),
    says: /clock/,
  },
  {
    code: "certificate-expires-soon",
    severity: "warning",
    bad: withCa,
    good: withCa,
    bad2: shortCa(() => SHORT_LIVED.startMs + DAY_MS),
    good2: goodCa,
  },
  {
    code: "key-invalid",
    bad: withClient,
    good: withClient,
    bad2: () => ({ files: { "/c.crt": GOOD.pem, "/c.key": "no key" } }),
    good2: () => ({ files: { "/c.crt": GOOD.pem, "/c.key": GOOD.key } }),
  },
  {
    code: "key-mismatch",
    bad: withClient,
    good: withClient,
    bad2: () => ({ files: { "/c.crt": GOOD.pem, "/c.key": GOOD.otherKey } }),
    good2: () => ({ files: { "/c.crt": GOOD.otherPem, "/c.key": GOOD.otherKey } }),
  },
  {
    code: "key-in-ca",
    bad: withCa,
    good: withCa,
    bad2: () => ({ files: { "/ca.crt": GOOD.pem + GOOD.key } }),
    good2: goodCa,
  },

  {
    code: "docker-config",
    bad: withConfig,
    good: withConfig,
    bad2: { files: { "/c.json": "{" } },
    good2: goodConfig,
  },
  {
    code: "docker-config",
    bad: withConfig,
    good: withConfig,
    bad2: { files: { "/c.json": "[".repeat(100000) } },
    good2: goodConfig,
  },
  {
    code: "gcr-key",
    bad: native(OK, "gcrKeyPath: ¦/k.json\n"),
    good: native(OK, "gcrKeyPath: /k.json\n"),
    bad2: { files: { "/k.json": "{}" } },
    good2: { files: { "/k.json": '{"private_key":"x"}' } },
  },
  {
    code: "credential-missing",
    bad: withConfig,
    good: withConfig,
    bad2: { files: { "/c.json": dockerConfig({ "other.io": "u:p" }) } },
    good2: { files: { "/c.json": dockerConfig({ "https://m.io/v2/": "u:p" }) } },
    says: /"other\.io"/,
  },
  {
    code: "credential-missing",
    bad: withConfig,
    good: withConfig,
    bad2: { files: { "/c.json": '{"auths":{"m.io":{}},"credsStore":"pass"}' } },
    good2: goodConfig,
    says: /helpers/,
  },
  {
    code: "credential-invalid",
    bad: withConfig,
    good: withConfig,
    bad2: { files: { "/c.json": dockerConfig({ "m.io": "u:p\r\nX: y" }) } },
    good2: goodConfig,
    says: /line end/,
  },
  {
    code: "credential-invalid",
    bad: native(
      "{endpoint: https://m.io, hosts: [gcr.io], pullCredential: {username: 'a:b', passwordFile: ¦/p}}",
    ),
    good: native(
      "{endpoint: https://m.io, hosts: [gcr.io], pullCredential: {username: a, passwordFile: /p}}",
    ),
    bad2: { files: { "/p": "x" } },
    good2: { files: { "/p": "a:b\n" } },
    says: /colon/,
  },
  {
    code: "credential-invalid",
    bad: k3s("m.io: {¦auth: {username: a, password: b, identity_token: c}}")
      .replace("¦auth", "auth")
      .replace("identity_token", "¦identity_token"),
    good: k3s("m.io: {auth: {username: a, password: b}}"),
  },
  {
    code: "credential-insecure",
    bad: native("{endpoint: http://m.io, hosts: [gcr.io], pullCredentialConfigPath: ¦/c.json}"),
    good: native(
      "{endpoint: http://m.io, hosts: [gcr.io], pullCredentialConfigPath: /c.json, allowInsecureCredentials: true}",
    ),
    bad2: goodConfig,
    good2: goodConfig,
    says: /allowInsecureCredentials: true/,
  },
  {
    code: "credential-insecure",
    severity: "warning",
    bad: native("{endpoint: ¦http://m.io, hosts: [gcr.io]}"),
    good: native("{endpoint: http://other.io, hosts: [gcr.io]}"),
    bad2: { ...goodConfig, pullSecret: "/c.json" },
    good2: { ...goodConfig, pullSecret: "/c.json" },
  },
  {
    code: "credential-conflict",
    bad: native(OK, "privateRegistryConfigPath: /c.json\ngcrKeyPath: ¦/k.json\n"),
    good: native(OK, "privateRegistryConfigPath: /c.json\ngcrKeyPath: /k.json\n"),
    bad2: { files: { "/c.json": dockerConfig({ "gcr.io": "u:p" }), "/k.json": '{"private_key":"x"}' } },
    good2: { files: { "/c.json": dockerConfig({ "eu.gcr.io": "u:p" }), "/k.json": '{"private_key":"x"}' } },
  },

  {
    code: "canary-invalid",
    bad: native(OK, "canaries: [¦gcr.io/Pause]\n"),
    good: native(OK, "canaries: [gcr.io/pause]\n"),
  },
  {
    code: "canary-invalid",
    bad: native(OK, `canaries: [¦"gcr.io/pause@sha256:12"]\n`),
    good: native(OK, `canaries: ["gcr.io/pause:1@sha256:${"a".repeat(64)}"]\n`),
  },
  {
    code: "canary-not-mirrored",
    severity: "warning",
    bad: native(OK, "canaries: [¦nginx]\n"),
    good: native("{endpoint: https://m.io, hosts: [docker.io]}", "canaries: [nginx]\n"),
    says: /docker\.io/,
  },
];

for (const [index, check] of CASES.entries()) {
  test(`${check.code} (${index})`, () => {
    const issues = run(check.bad, check.bad2).filter(({ code }) => code === check.code);
    const [issue] = issues;
    assert.ok(issue, `no ${check.code} for ${check.bad.slice(0, 200)}`);
    assert.equal(issue.severity, check.severity ?? "error");
    const mark = check.bad.indexOf("¦");
    if (mark >= 0) assert.deepEqual(issue.at, placeOf(check.bad, mark));
    assert.ok(issue.message.length > 20 && issue.fix.length > 5, "message and fix say something");
    if (check.says) assert.match(`${issue.message}; ${issue.fix}`, check.says);
    assert.ok(!run(check.good, check.good2).some(({ code }) => code === check.code), "the near miss passes");
  });
}

test("not-utf8 points at the byte, and knows UTF-16", () => {
  const latin1 = Uint8Array.from("kind: RegistryMirrors\n# \xe9t\xe9\n", (c) => c.charCodeAt(0));
  const [issue] = resolveText(latin1).issues;
  assert.equal(issue?.code, "not-utf8");
  assert.deepEqual(issue?.at, { file: "state.yaml", line: 2, column: 3 });
  const [utf16] = resolveText(Uint8Array.of(0xff, 0xfe, 0x61, 0)).issues;
  assert.match(utf16?.fix ?? "", /UTF-16/);
});

const stateWith = (namespaces: readonly string[], allowMassRemoval = false): DesiredState => ({
  generation: 1,
  registries: namespaces.map((namespace) => ({ namespace, mirrors: [], upstream: "allow" })),
  upstreamCredentials: [],
  canaries: [],
  allowMassRemoval,
});

test("mass-removal: all, or more than half; not half, not when it is said in words", () => {
  const at = { file: "state.yaml", line: 1, column: 1 };
  const codes = (before_: string[], after: string[], allow = false) =>
    checkMassRemoval(before_, stateWith(after, allow), at).map(({ code }) => code);
  assert.deepEqual(codes(["a.io", "b.io", "c.io", "d.io"], ["a.io", "b.io"]), []);
  assert.deepEqual(codes(["a.io", "b.io", "c.io"], ["a.io", "new.io"]), ["mass-removal"]);
  assert.deepEqual(codes(["a.io"], []), ["mass-removal"]);
  assert.deepEqual(codes(["a.io"], [], true), []);
  assert.deepEqual(codes([], []), []);
});

test("every code has a bad case here", () => {
  const covered = new Set<string>([...CASES.map(({ code }) => code), "not-utf8", "mass-removal"]);
  assert.deepEqual(
    ISSUE_CODES.filter((code) => !BY_MODE.has(code)).filter((code) => !covered.has(code)),
    [],
  );
});

test("no message repeats a credential", () => {
  const secret = "s3cr3t";
  const texts = [
    endpoint(`https://ann:${secret}@m.io/x`),
    endpoint(`https://ann:${secret}@M.io?x`),
    endpoint(`//ann:${secret}@m.io`),
    k3s(`m.io: {auth: {username: a, password: [${secret}]}}`),
    k3s(`m.io: {auth: {username: "a:b", password: ${secret}}}`),
    k3s(`m.io: {auth: {auth: ${secret}}}`),
  ];
  for (const text of texts) {
    const said = run(text).map(({ message, fix }) => message + fix);
    assert.ok(said.length > 0);
    assert.ok(!said.join().includes(secret), said.join());
  }
});

function run(text: string, options: Case["bad2"] = {}): readonly Issue[] {
  return resolveText(text.replace("¦", ""), typeof options === "function" ? options() : options).issues;
}

function placeOf(text: string, offset: number): Issue["at"] {
  const lines = text.slice(0, offset).split("\n");
  return { file: "state.yaml", line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** Follow from owner and mode of files on the node: test/agent/unsafe-files.test.ts. */
const BY_MODE: ReadonlySet<string> = new Set(["file-untrusted", "file-exposed"]);
