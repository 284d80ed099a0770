import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../../../../src/core/doctor/pulls/error/error-form.ts";
import { ERROR_FORMS, readPullError } from "../../../../../src/core/doctor/pulls/error/read-pull-error.ts";
import { splitStatements } from "../../../../../src/core/doctor/pulls/error/split-statements.ts";
import { CONFIG_TEXTS } from "./config-texts.ts";

const D = `sha256:${"a".repeat(64)}`;
const IMAGE = "gcr.io/team/app:1";
const PULL = `failed to pull and unpack image "${IMAGE}": `;
const REF = `${PULL}failed to resolve reference "${IMAGE}": `;
/** Through the transfer service. */
const IMG = `${PULL}failed to resolve image: `;
const HEAD = 'failed to do request: Head "https://mirror.corp:5000/v2/team/app/manifests/1?ns=gcr.io": ';
const REDACTED =
  'failed to do request: Head "https://mirror.corp:5000/v2/team/app/manifests/1?ns=%5BREDACTED%5D": ';
const TLS = "tls: failed to verify certificate: ";
const GET = `${PULL}failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://cdn.corp/x?X-Amz-Signature=abc": `;
const TOKEN =
  'failed to authorize: failed to fetch anonymous token: Get "https://auth.corp/token?scope=a&service=m": ';
const AT = "https://mirror.corp:5000/v2/team/app/manifests/1?ns=gcr.io";
const BLOB = `https://mirror.corp:5000/v2/team/app/blobs/${D}?ns=gcr.io`;

/** Stage and host: which request failed, as far as the words tell. */
type Case = readonly [text: string, code: ErrorCode, stage?: string, host?: string];
const MIRROR = ["resolve", "mirror.corp:5000"] as const;

const cases: readonly Case[] = [
  // The node's own files, and containerd itself.
  [
    'level=warning msg="failed to load plugin io.containerd.grpc.v1.cri" error="invalid plugin config: `mirrors` cannot be set when `config_path` is provided"',
    "mirrors-beside-config-path",
  ],
  [
    'level=warning msg="failed to load plugin" error="invalid cri image config: `mirrors` cannot be set when `config_path` is provided" id=io.containerd.cri.v1.images type=io.containerd.cri.v1',
    "mirrors-beside-config-path",
  ],
  [
    "invalid plugin config: `configs.tls` cannot be set when `config_path` is provided",
    "tls-beside-config-path",
  ],
  [
    'invalid plugin config: invalid image pull progress timeout: time: invalid duration "5"',
    "progress-timeout-invalid",
  ],
  ['failed to parse image_pull_progress_timeout "": time: invalid duration ""', "progress-timeout-invalid"],
  ["invalid plugin config: invalid stream idle timeout: time: missing unit", "cri-refuses-setting"],
  ["rpc error: code = Unimplemented desc = unknown service runtime.v1.ImageService", "cri-not-answering"],
  [
    'E1121 22:10:00.123456     812 remote_runtime.go:616] "Status from runtime service failed" err="rpc error: code = Unimplemented desc = unknown service runtime.v1alpha2.RuntimeService"',
    "cri-not-answering",
  ],
  [
    "containerd: containerd config version `3` is not supported, the max version is `2`, use `containerd config default` to generate a new config",
    "config-version-refused",
  ],
  [
    "containerd: expected containerd config version equal to or less than `3`, got `4`: invalid argument",
    "config-version-refused",
  ],
  [
    'time="2026-11-21T22:10:00Z" level=warning msg="Ignoring unknown key in TOML for plugin" error="strict mode: fields in the document are missing in the target struct" key=registry plugin=io.containerd.grpc.v1.cri',
    "config-section-ignored",
  ],
  [
    'time="2026-11-21T22:10:00Z" level=error msg="failed to decode hosts.toml" error="failed to parse TOML: (4, 3): unexpected token"',
    "hosts-file-dropped",
  ],
  [
    'time="2026-11-21T22:10:00Z" level=error msg="failed to decode /etc/containerd/certs.d/gcr.io/hosts.toml" error="unknown capability resolv"',
    "hosts-file-capability",
  ],
  [
    "Nov 21 22:10:00 node1 containerd[812]: panic: interface conversion: interface {} is *toml.tomlValue, not *toml.Tree",
    "hosts-file-crash",
  ],
  [
    `${REF}unable to read CA cert "/etc/containerd/certs.d/gcr.io/ca.crt": open /etc/containerd/certs.d/gcr.io/ca.crt: no such file or directory`,
    "ca-file-unusable",
  ],
  [`${IMG}unable to load CA cert "/etc/containerd/ca.crt"`, "ca-file-unusable"],
  [`${IMG}unable to read CERT file "/etc/c.pem": open /etc/c.pem: permission denied`, "client-file-unusable"],
  [
    `${REF}failed to load X509 key pair: tls: failed to find any PEM data in certificate input`,
    "client-file-unusable",
  ],
  [`${REF}unable to initialize cert pool: x509: failed to load system roots`, "ca-file-unusable"],
  [`${REF}no resolve hosts: not found`, "no-resolving-host"],
  [`${PULL}failed to copy: httpReadSeeker: failed open: no pull hosts: not found`, "no-resolving-host"],
  [`${REF}open /etc/containerd/certs.d/gcr.io/hosts.toml: permission denied`, "hosts-file-unreadable"],
  [`${REF}read /etc/containerd/certs.d/gcr.io/hosts.toml: is a directory`, "hosts-file-unreadable"],
  [`${REF}open /etc/containerd/certs.d/gcr.io/hosts.toml: not a directory`, "directory-is-file"],
  [`${REF}stat /etc/containerd/certs.d/gcr.io: not a directory`, "config-path-no-directory"],
  [
    'time="2026-11-21T22:10:00Z" level=info msg="host will try HTTPS first since it is configured for HTTP with a TLS configuration, consider changing host to HTTPS or removing unused TLS configuration" host="10.0.0.1:5000"',
    "tls-keys-on-http",
  ],
  ['failed to parse image reference "GCR.io/App": invalid reference format', "image-name-refused"],
  // The network.
  [
    `${REF}${HEAD}proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused`,
    "proxy-refuses",
    ...MIRROR,
  ],
  [`${REF}${HEAD}Forbidden`, "proxy-refuses", ...MIRROR],
  [`${IMG}${REDACTED}Proxy Authentication Required`, "proxy-refuses", ...MIRROR],
  [`${REF}${HEAD}socks connect tcp 10.0.0.9:1080->mirror.corp:5000: EOF`, "proxy-refuses", ...MIRROR],
  [`${REF}${HEAD}dial tcp: lookup mirror.corp on 10.0.0.2:53: no such host`, "no-such-host", ...MIRROR],
  [`${REF}${HEAD}dial tcp: lookup mirror.corp: no such host`, "no-such-host", ...MIRROR],
  [
    `${REF}${HEAD}dial tcp: lookup mirror.corp on 10.0.0.2:53: read udp 10.1.1.1:40000->10.0.0.2:53: i/o timeout`,
    "no-name-server",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}dial tcp: lookup mirror.corp: Temporary failure in name resolution`,
    "no-name-server",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}dial tcp: lookup mirror.corp on 10.0.0.2:53: server misbehaving`,
    "lookup-failed",
    ...MIRROR,
  ],
  [`${REF}${HEAD}dial tcp 10.0.0.1:5000: i/o timeout`, "connect-timeout", ...MIRROR],
  [`${REF}${HEAD}dial tcp 10.0.0.1:5000: connect: connection timed out`, "connect-timeout", ...MIRROR],
  [`${REF}${HEAD}dial tcp 10.0.0.1:5000: connect: connection refused`, "refused", ...MIRROR],
  [`${IMG}${REDACTED}dial tcp 10.0.0.1:5000: connect: connection refused`, "refused", ...MIRROR],
  [`${REF}${HEAD}dial tcp 10.0.0.1:5000: connect: no route to host`, "no-route", ...MIRROR],
  [`${REF}${HEAD}dial tcp [fd00::1]:5000: connect: network is unreachable`, "no-route", ...MIRROR],
  [`${REF}${HEAD}dial tcp 10.0.0.1:5000: connect: connection reset by peer`, "connect-reset", ...MIRROR],
  [`${REF}${HEAD}dial tcp 10.0.0.1:5000: connect: permission denied`, "connect-failed", ...MIRROR],
  [
    `${REF}${HEAD}x509: certificate has expired or is not yet valid: current time 2026-11-21T22:10:00Z is after 2026-01-01T00:00:00Z`,
    "expired",
    ...MIRROR,
  ],
  [`${REF}${HEAD}x509: certificate has expired or is not yet valid`, "expired", ...MIRROR],
  [
    `${REF}${HEAD}${TLS}x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2026-01-01T00:00:00Z`,
    "not-yet-valid",
    ...MIRROR,
  ],
  [`${REF}${HEAD}x509: certificate signed by unknown authority`, "unknown-authority", ...MIRROR],
  [`${REF}${HEAD}${TLS}x509: certificate signed by unknown authority`, "unknown-authority", ...MIRROR],
  [`${IMG}${REDACTED}${TLS}x509: certificate signed by unknown authority`, "unknown-authority", ...MIRROR],
  [
    `${REF}${HEAD}x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" while trying to verify candidate authority certificate "corp CA")`,
    "wrong-authority",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}x509: certificate signed by unknown authority (possibly because of "x509: cannot verify signature: insecure algorithm SHA1-RSA" while trying to verify candidate authority certificate "corp CA")`,
    "weak-signature",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}${TLS}x509: certificate relies on legacy Common Name field, use SANs instead`,
    "common-name-only",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs`,
    "name-not-covered",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}x509: certificate is valid for a.corp, b.corp, not mirror.corp`,
    "name-not-covered",
    ...MIRROR,
  ],
  [
    `${REF}${HEAD}${TLS}x509: certificate is not valid for any names, but wanted to match mirror.corp`,
    "name-not-covered",
    ...MIRROR,
  ],
  [`${REF}${HEAD}x509: certificate specifies an incompatible key usage`, "not-for-servers", ...MIRROR],
  [
    `${REF}${HEAD}x509: invalid signature: parent certificate cannot sign this kind of certificate`,
    "not-for-servers",
    ...MIRROR,
  ],
  [`${REF}${HEAD}x509: unhandled critical extension`, "tls-failed", ...MIRROR],
  [`${REF}${HEAD}http: server gave HTTP response to HTTPS client`, "speaks-http", ...MIRROR],
  [`${REF}${HEAD}tls: first record does not look like a TLS handshake`, "speaks-http", ...MIRROR],
  [
    `${IMG}unexpected status from HEAD request to http://mirror.corp:5000/v2/team/app/manifests/1?ns=gcr.io: 400 Bad Request\nClient sent an HTTP request to an HTTPS server.`,
    "speaks-https",
    ...MIRROR,
  ],
  [`${REF}${HEAD}remote error: tls: certificate required`, "wants-client-certificate", ...MIRROR],
  [`${REF}${HEAD}remote error: tls: bad certificate`, "refuses-client-certificate", ...MIRROR],
  [`${REF}${HEAD}tls: server selected unsupported protocol version 301`, "old-tls", ...MIRROR],
  [`${REF}${HEAD}net/http: TLS handshake timeout`, "tls-timeout", ...MIRROR],
  [`${REF}${HEAD}remote error: tls: handshake failure`, "tls-failed", ...MIRROR],
  [`${IMG}${REDACTED}net/http: timeout awaiting response headers`, "no-answer", ...MIRROR],
  [`${REF}${HEAD}context canceled`, "no-answer", ...MIRROR],
  [`${REF}${HEAD}context deadline exceeded`, "no-answer", ...MIRROR],
  [
    `${REF}${HEAD}read tcp 10.1.1.1:40000->10.0.0.1:5000: read: connection reset by peer`,
    "closed",
    ...MIRROR,
  ],
  [`${REF}${HEAD}EOF`, "closed", ...MIRROR],
  [
    `${REF}${HEAD}net/http: HTTP/1.x transport connection broken: malformed HTTP status code "x"`,
    "not-http",
    ...MIRROR,
  ],
  [`${REF}failed to do request: Head "/v2/x": stopped after 10 redirects`, "redirect-loop", "resolve"],
  [`${REF}failed to do request: Head "mirror://x/v2/": unsupported protocol scheme "mirror"`, "unusable-url"],
  [`${REF}${HEAD}net/http: invalid header field value for "X-Key"`, "bad-header", ...MIRROR],
  [`${GET}dial tcp: lookup cdn.corp on 10.0.0.2:53: no such host`, "no-such-host", "blob", "cdn.corp"],
  [`${GET}dial tcp 10.9.9.9:443: i/o timeout`, "connect-timeout", "blob", "cdn.corp"],
  [`${REF}${TOKEN}dial tcp 10.0.0.7:443: connect: connection refused`, "refused", "token", "auth.corp"],
  // Answers.
  [
    `${REF}unexpected status from HEAD request to https://registry-1.docker.io/v2/library/nginx/manifests/1: 429 Too Many Requests`,
    "rate-limited",
    "resolve",
    "registry-1.docker.io",
  ],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: unexpected status code ${BLOB}: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit`,
    "rate-limited",
    "blob",
    "mirror.corp:5000",
  ],
  [
    `${REF}failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden`,
    "token-refused",
    "token",
  ],
  [
    `${REF}failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://auth.corp/token: 401 Unauthorized`,
    "token-refused",
    "token",
    "auth.corp",
  ],
  [
    `${REF}failed to authorize: failed to fetch anonymous token: unable to decode token response: invalid character '<' looking for beginning of value`,
    "no-token",
    "token",
  ],
  [
    `${REF}failed to authorize: failed to fetch anonymous token: authorization server did not include a token in the response`,
    "no-token",
    "token",
  ],
  [`${REF}no realm specified for token auth challenge`, "no-realm", "token"],
  [
    `${REF}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
    "no-credentials",
    "resolve",
  ],
  [`${REF}failed to find supported auth scheme: not implemented`, "unknown-scheme"],
  [
    `${REF}pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
    "login-refused-or-missing",
    "resolve",
  ],
  [`${REF}unexpected status code [manifests 1.0]: 401 Unauthorized`, "login-refused-or-missing", "resolve"],
  [
    `${REF}pulling from host mirror.corp:5000 failed with status code [manifests 1]: 401 Unauthorized`,
    "login-refused-or-missing",
    ...MIRROR,
  ],
  [
    `${REF}unexpected status from HEAD request to ${AT}: 401 Unauthorized`,
    "login-refused-or-missing",
    ...MIRROR,
  ],
  [`${REF}unexpected status code [manifests 1.0]: 503 Service Unavailable`, "server-error", "resolve"],
  [
    `${REF}pulling from host mirror.corp:5000 failed with status code [manifests 1]: 403 Forbidden`,
    "forbidden",
    ...MIRROR,
  ],
  [
    `${REF}pulling from host mirror.corp:5000 failed with unexpected status code [manifests 1]: 304 Not Modified`,
    "redirect-to-nowhere",
    ...MIRROR,
  ],
  [`${REF}unexpected status from HEAD request to ${AT}: 403 Forbidden`, "forbidden", ...MIRROR],
  [`${IMG}unexpected status from HEAD request to ${AT}: 400 Bad Request`, "other-status", ...MIRROR],
  [`${IMG}unexpected status from HEAD request to ${AT}: 302 Found`, "redirect-to-nowhere", ...MIRROR],
  [
    `${IMG}unexpected status from HEAD request to ${AT}: 500 Internal Server Error`,
    "server-error",
    ...MIRROR,
  ],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: unexpected status code ${BLOB}: 403 Forbidden - Server message: denied: denied`,
    "forbidden",
    "blob",
    "mirror.corp:5000",
  ],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: unexpected status from GET request to ${BLOB}: 500 Internal Server Error`,
    "server-error",
    "blob",
    "mirror.corp:5000",
  ],
  [
    'time="2026-11-21T22:10:00Z" level=info msg="trying next host after status: 403 Forbidden" host="mirror.corp:5000"',
    "forbidden",
    "resolve",
  ],
  [
    'time="2026-11-21T22:10:00Z" level=info msg="trying next host - response was http.StatusNotFound" host="mirror.corp:5000"',
    "not-found",
    "resolve",
  ],
  [
    `${IMG}unexpected status from HEAD request to ${AT}: 500 Internal Server Error: mirror resolve retries exhausted for key: ${D}`,
    "server-error",
    ...MIRROR,
  ],
  [`mirror resolve retries exhausted for key: docker.io/library/nginx:1`, "not-found"],
  // Contents.
  [
    `${PULL}failed to unpack image on snapshotter overlayfs: unexpected media type text/html for ${D}: not found`,
    "web-page",
  ],
  [
    `rpc error: code = NotFound desc = get image config descriptor: unexpected media type text/html for ${D}: not found`,
    "web-page",
  ],
  [
    'time="2026-11-21T22:10:00Z" level=warning msg="reference for unknown type: text/html" digest="sha256:aa" mediatype=text/html size=40',
    "web-page",
  ],
  [
    `${REF}"sha256:abc" in header not a valid digest: invalid checksum digest length`,
    "bad-digest-header",
    "resolve",
  ],
  [
    `${PULL}failed commit on ref "layer-${D}": unexpected commit digest sha256:${"b".repeat(64)}, expected ${D}: failed precondition`,
    "wrong-bytes",
    "blob",
  ],
  [
    `${PULL}failed commit on ref "manifest-${D}": unexpected commit digest sha256:${"b".repeat(64)}, expected ${D}: failed precondition`,
    "wrong-bytes",
    "manifest",
  ],
  [`${PULL}failed to read expected number of bytes: unexpected EOF`, "short-body", "blob"],
  [`${PULL}short read: expected 185 bytes but got 19: unexpected EOF`, "short-body", "blob"],
  [
    `${PULL}failed commit on ref "layer-${D}": unexpected commit size 10, expected 20: failed precondition`,
    "short-body",
    "blob",
  ],
  [`${PULL}failed to copy: unexpected EOF`, "cut-body", "blob"],
  [
    `${PULL}unable to fetch descriptor (${D}) which reports content size of zero: invalid argument`,
    "no-content",
  ],
  [`${REF}rejecting 9999999 byte manifest for ${IMAGE}: not found`, "manifest-too-large", "resolve"],
  [`${PULL}schema 1 image manifests are no longer supported: invalid argument`, "schema-1"],
  [`${PULL}no signatures`, "schema-1"],
  [
    `${IMG}not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.0, please rebuild the image`,
    "schema-1",
  ],
  [`${PULL}no match for platform in manifest ${D}: not found`, "no-platform"],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: could not fetch content descriptor ${D} (application/json) from remote: not found`,
    "wrong-type",
    "blob",
  ],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: could not fetch content descriptor ${D} (application/vnd.oci.image.config.v1+json) from remote: not found`,
    "not-found",
    "blob",
  ],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: content at https://mirror.corp:5000/v2/team/app/manifests/${D}?ns=gcr.io not found: not found`,
    "digest-unknown",
    "manifest",
    "mirror.corp:5000",
  ],
  [
    `${PULL}failed to copy: httpReadSeeker: failed open: content at ${BLOB} not found: not found`,
    "not-found",
    "blob",
    "mirror.corp:5000",
  ],
  [`${PULL}unexpected media type application/octet-stream for ${D}: not found`, "wrong-type"],
  [`${REF}${IMAGE}: not found`, "not-found", "resolve"],
  [`${IMG}${IMAGE}: not found`, "not-found", "resolve"],
  [`ctr: ${IMAGE}: not found`, "not-found"],
  ["rpc error: code = DeadlineExceeded desc = context deadline exceeded", "pull-cancelled"],
  [`${PULL}context canceled`, "pull-cancelled"],
];

for (const [text, code, stage, host] of cases)
  test(`${code}: ${text.slice(-90)}`, () => {
    const read = splitStatements(text).flatMap((statement) => readPullError(statement) ?? []);
    assert.equal(read.length, 1, text);
    assert.equal(read[0]?.code, code, text);
    if (stage !== undefined) assert.equal(read[0]?.asked.stage, stage);
    if (host !== undefined) assert.equal(read[0]?.asked.host, host);
  });

test("every form has a case", () => {
  const unused = new Set(ERROR_FORMS);
  for (const text of [...cases.map(([one]) => one), ...CONFIG_TEXTS.map(([, , one]) => one)])
    for (const { texts } of splitStatements(text)) {
      const form = ERROR_FORMS.find(({ pattern }) => texts.some((each) => pattern.test(each)));
      if (form !== undefined) unused.delete(form);
    }
  assert.deepEqual(
    [...unused].map(({ pattern }) => String(pattern)),
    [],
  );
});

for (const text of [
  "",
  "hello world",
  'Normal  Pulled  2s  kubelet  Successfully pulled image "gcr.io/a/b:1" in 1.2s',
  'time="2026-11-21T22:10:00Z" level=info msg="PullImage \\"gcr.io/a/b:1\\""',
  'time="2026-11-21T22:10:00Z" level=info msg="stop pulling image gcr.io/a/b:1: active requests=0, bytes read=80"',
  "no space left on device",
  "Warning  BackOff  2s  kubelet  Back-off restarting failed container",
])
  test(`says nothing of: ${text.slice(0, 60)}`, () => {
    assert.deepEqual(
      splitStatements(text).flatMap((statement) => readPullError(statement) ?? []),
      [],
    );
  });

test("long hostile text is read in reasonable time", () => {
  const parts = [
    "lookup ",
    "containerd: failed to load TOML: /",
    "Ignoring unknown key in TOML for plugin key=registry configs ",
    "failed to resolve stat /a/",
    "failed to resolve image ",
    'Get "http',
    "x509: ",
    "dial tcp ",
    "a/b:c/d@e",
    '\\"',
  ];
  for (const part of parts)
    assert.ok(splitStatements(part.repeat((1024 * 1024) / part.length)).map(readPullError).length <= 2);
});
