import assert from "node:assert/strict";
import { test } from "node:test";
import { explainErrorText } from "../../../../../src/core/doctor/pulls/error/explain-error-text.ts";
import type { ExplainedError } from "../../../../../src/core/doctor/pulls/error/explain-pull-error.ts";
import type { ErrorContext } from "../../../../../src/core/doctor/pulls/error/place-error.ts";
import { CERTS_D, CONFIG, goodConfig, viewOf } from "../../../../support/doctored-node.ts";

const IMAGE = "gcr.io/team/app:1";
const D = `sha256:${"a".repeat(64)}`;
const REF = `failed to pull and unpack image "${IMAGE}": failed to resolve reference "${IMAGE}": `;
const IMG = `failed to pull and unpack image "${IMAGE}": failed to resolve image: `;
const refused = (url: string, query = "?ns=gcr.io") =>
  `failed to do request: Head "${url}/v2/team/app/manifests/1${query}": dial tcp 10.0.0.1:5000: connect: connection refused`;

/** Two mirrors before gcr.io. */
async function nodeOf(release: string, hosts = TWO_MIRRORS): Promise<ErrorContext> {
  const files = { [CONFIG]: goodConfig(release), [`${CERTS_D}/gcr.io/hosts.toml`]: hosts };
  const view = await viewOf(files, release);
  return { version: view.version, view };
}
const TWO_MIRRORS =
  '[host."https://one.corp:5000"]\n[host."https://two.corp/v2/cache"]\noverride_path = true\n';

function only(text: string, context: ErrorContext = {}): ExplainedError {
  const explained = explainErrorText(text, context);
  assert.equal(explained.length, 1, JSON.stringify(explained, null, 1));
  return explained[0] as ExplainedError;
}

test("places the host among those of the node's own configuration", async () => {
  const node = await nodeOf("1.7.24");
  const first = only(`${REF}${refused("https://one.corp:5000")}`, node);
  assert.equal(first.finding.code, "host-unreachable");
  assert.deepEqual(first.hop?.position, { index: 1, of: 3 });
  assert.deepEqual(
    [first.hop?.role, first.hop?.host, first.hop?.isDeduced],
    ["mirror", "one.corp:5000", false],
  );
  assert.match(first.finding.consequence, /pulls of gcr\.io ask https:\/\/one\.corp:5000, then/);
  const last = only(`${REF}${refused("https://gcr.io", "")}`, node);
  assert.deepEqual([last.hop?.role, last.hop?.position], ["upstream", { index: 3, of: 3 }]);
});

test("works without any node", () => {
  const mirror = only(`${REF}${refused("https://one.corp:5000")}`);
  assert.deepEqual([mirror.hop?.role, mirror.hop?.position], ["mirror", undefined]);
  assert.equal(only(`${REF}${refused("https://gcr.io", "")}`).hop?.role, "upstream");
  assert.equal(mirror.image, IMAGE);
});

test("a host that the files do not name is said to be none of theirs", async () => {
  const { notes } = only(`${REF}${refused("https://old.corp")}`, await nodeOf("1.7.24"));
  assert.ok(
    notes.some((note) => /old\.corp is not among the hosts/.test(note)),
    notes.join("\n"),
  );
});

test("1.x shows the first error that is no 404: what the upstream said is not in the text", async () => {
  const { notes } = only(`${REF}${refused("https://two.corp/v2/cache")}`, await nodeOf("1.6.20"));
  assert.match(
    notes.join("\n"),
    /first error that is no 404; one\.corp:5000 answered 404; gcr\.io failed too/,
  );
  const { notes: missing } = only(`${REF}${IMAGE}: not found`, await nodeOf("1.7.24"));
  assert.match(missing.join("\n"), /only when every host has answered 404/);
});

test("2.x shows 404 before connections that fail, and a status before both", async () => {
  const node = await nodeOf("2.1.9");
  const missing = only(`${IMG}${IMAGE}: not found`, node);
  assert.equal(missing.hop?.host, undefined);
  assert.match(missing.notes.join("\n"), /404 before connections.*one\.corp:5000.*may not have been reached/);
  const status = only(
    `${IMG}unexpected status from HEAD request to https://gcr.io/v2/team/app/manifests/1: 403 Forbidden`,
    node,
  );
  assert.match(status.notes.join("\n"), /what one\.corp:5000, two\.corp did, a 404 or no answer/);
  const login = only(
    `${IMG}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
    node,
  );
  assert.deepEqual([login.hop?.host, login.hop?.isDeduced], ["one.corp:5000", true]);
  assert.match(login.notes.join("\n"), /all of them failed like this/);
});

test("the words tell the release where the node is another one", async () => {
  const { notes } = only(`${IMG}${IMAGE}: not found`, await nodeOf("1.7.24"));
  assert.match(notes.join("\n"), /2\.x shows 404 before/);
  const old = only(
    `${REF}pulling from host one.corp:5000 failed with status code [manifests 1]: 500 Internal Server Error`,
  );
  assert.match(old.notes.join("\n"), /1\.x shows/);
  assert.doesNotMatch(old.notes.join("\n"), /2\.x/);
});

test("with one host there is one error, and no doubt", async () => {
  const node = await nodeOf("2.1.9", 'server = "https://one.corp:5000"\n[host]\n');
  const { notes, hop } = only(`${IMG}${IMAGE}: not found`, node);
  assert.deepEqual(notes, []);
  assert.deepEqual([hop?.host, hop?.isDeduced], ["one.corp:5000", true]);
});

test("contents are fetched from the first host on, and its error is shown", async () => {
  const node = await nodeOf("1.7.24");
  const blob = only(
    `failed to pull and unpack image "${IMAGE}": failed to copy: httpReadSeeker: failed open: could not fetch content descriptor ${D} (application/vnd.oci.image.config.v1+json) from remote: not found`,
    node,
  );
  assert.deepEqual([blob.hop?.host, blob.hop?.stage, blob.hop?.isDeduced], ["one.corp:5000", "blob", true]);
  assert.equal(blob.finding.code, "image-not-on-host");
});

test("a redirect that leads nowhere is the host's whose redirect it is", async () => {
  const node = await nodeOf("2.1.9");
  const { hop, finding } = only(
    `failed to pull and unpack image "${IMAGE}": failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://cdn.corp/blob?X-Amz-Signature=s3cret": dial tcp: lookup cdn.corp on 10.0.0.2:53: no such host`,
    node,
  );
  assert.deepEqual(
    [hop?.host, hop?.elsewhere, finding.code],
    ["one.corp:5000", "cdn.corp", "redirect-leads-nowhere"],
  );
  assert.match(finding.fact, /one\.corp:5000 redirects to cdn\.corp: the name cdn\.corp cannot be resolved/);
  assert.doesNotMatch(JSON.stringify([hop, finding]), /s3cret/);
});

test("a token service is told from the host that names it", async () => {
  const line = `time="2026-11-21T22:10:00Z" level=info msg="trying next host" error="failed to authorize: failed to fetch anonymous token: Get \\"https://auth.corp/token?scope=repository%3Ateam%2Fapp%3Apull\\": dial tcp 10.0.0.7:443: i/o timeout" host=two.corp`;
  const { hop, finding } = only(line, await nodeOf("1.7.24"));
  assert.equal(finding.code, "token-service-fails");
  assert.deepEqual([hop?.host, hop?.elsewhere, hop?.stage], ["two.corp", "auth.corp", "token"]);
  assert.match(finding.fact, /token service of two\.corp gives no answer: no connection to auth\.corp/);
});

test("a journal: the hosts that were passed over, then the pull; each once", async () => {
  const text = [
    `Nov 21 22:10:00 node1 containerd[812]: time="2026-11-21T22:10:00Z" level=info msg="PullImage \\"${IMAGE}\\""`,
    `Nov 21 22:10:00 node1 containerd[812]: time="2026-11-21T22:10:00Z" level=info msg="trying next host" error="${refused("https://one.corp:5000").replaceAll('"', '\\"')}" host="one.corp:5000"`,
    `Nov 21 22:10:00 node1 containerd[812]: time="2026-11-21T22:10:00Z" level=info msg="trying next host after status: 404 Not Found" host=two.corp`,
    `Nov 21 22:10:00 node1 containerd[812]: time="2026-11-21T22:10:00Z" level=info msg="trying next host after status: 404 Not Found" host=two.corp`,
    `Nov 21 22:10:00 node1 containerd[812]: time="2026-11-21T22:10:00Z" level=error msg="PullImage \\"${IMAGE}\\" failed" error="rpc error: code = NotFound desc = ${`${IMG}${IMAGE}: not found`.replaceAll('"', '\\"')}"`,
  ].join("\n");
  const explained = explainErrorText(text, await nodeOf("2.1.9"));
  assert.deepEqual(
    explained.map(({ finding, hop }) => [finding.code, finding.severity, hop?.host]),
    [
      ["host-unreachable", "warning", "one.corp:5000"],
      ["image-not-on-host", "warning", "two.corp"],
      ["image-not-on-host", "error", undefined],
    ],
  );
  assert.match(explained[0]?.finding.consequence ?? "", /went on to two\.corp/);
});

test("kubectl describe: the event among others, with what kubelet quotes", async () => {
  const error = `rpc error: code = Unknown desc = ${REF}${refused("https://one.corp:5000")}`;
  const text = `Name:         app-1
Node:         node1/10.0.0.4
Events:
  Type     Reason     Age                From               Message
  ----     ------     ----               ----               -------
  Normal   Scheduled  20s                default-scheduler  Successfully assigned default/app-1 to node1
  Normal   Pulling    5s (x2 over 19s)   kubelet            Pulling image "${IMAGE}"
  Warning  Failed     5s (x2 over 19s)   kubelet            Failed to pull image "${IMAGE}": ${error}
  Warning  Failed     5s (x2 over 19s)   kubelet            Error: ErrImagePull
  Normal   BackOff    4s                 kubelet            Back-off pulling image "${IMAGE}"
`;
  assert.equal(only(text, await nodeOf("1.7.24")).finding.code, "host-unreachable");
});

test("crictl: quoted again, and again", () => {
  const inner = `${REF}${refused("https://one.corp:5000")}`;
  const once = inner.replaceAll('"', '\\"');
  const twice = once.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  for (const quoted of [
    `E1121 22:10:00.123456 812 remote_image.go:171] "PullImage from image service failed" err="rpc error: code = Unknown desc = ${once}" image="${IMAGE}"`,
    `FATA[0001] pulling image: rpc error: code = Unknown desc = ${inner}`,
    `{"error":"rpc error: ${twice}"}`,
  ]) {
    const { finding, hop } = only(quoted);
    assert.deepEqual([finding.code, hop?.host], ["host-unreachable", "one.corp:5000"], quoted);
  }
});

test("an error that a terminal broke into lines, between words or inside of them", () => {
  const text = `${REF}${refused("https://one.corp:5000")}`;
  for (const width of [40, 72, 80, 131]) {
    const broken = text.replace(new RegExp(`.{${width}}`, "g"), "$&\n");
    const { finding, hop } = only(broken);
    assert.deepEqual([finding.code, hop?.host], ["host-unreachable", "one.corp:5000"], broken);
  }
});

test("the sandbox image: no pod starts", () => {
  const { notes, image, finding } = only(
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.6": failed to pull image "registry.k8s.io/pause:3.6": failed to pull and unpack image "registry.k8s.io/pause:3.6": failed to resolve reference "registry.k8s.io/pause:3.6": failed to do request: Head "https://registry.k8s.io/v2/pause/manifests/3.6": dial tcp: lookup registry.k8s.io on 10.0.0.2:53: no such host',
  );
  assert.equal(image, "registry.k8s.io/pause:3.6");
  assert.equal(finding.code, "host-name-unresolved");
  assert.match(notes.join("\n"), /until it is there, no pod at all starts/);
});

test("the registry's own limit, while it has a mirror", async () => {
  const { finding, hop } = only(
    `${IMG}unexpected status from HEAD request to https://gcr.io/v2/team/app/manifests/1: 429 Too Many Requests`,
    await nodeOf("2.1.9"),
  );
  assert.deepEqual([finding.code, hop?.role], ["upstream-limits-rate", "upstream"]);
  const text = `${IMG}unexpected status from HEAD request to https://gcr.io/v2/team/app/manifests/1: 429 Too Many Requests`;
  assert.equal(only(text).finding.code, "host-limits-rate", "whether it has one is not known");
});

test("a dropped file: what its pulls do comes from the model", async () => {
  const node = await nodeOf("2.1.9", '[host."https://one.corp"]\ncapabilities = ["pull", "resolv"]\n');
  const { finding } = only(
    `time="2026-11-21T22:10:00Z" level=error msg="failed to decode ${CERTS_D}/gcr.io/hosts.toml" error="unknown capability resolv"`,
    node,
  );
  assert.equal(finding.code, "hosts-file-capability");
  assert.match(finding.consequence, /every pull of gcr\.io goes straight to https:\/\/gcr\.io/);
});

test("no secret comes back", () => {
  const explained = explainErrorText(
    `${REF}failed to do request: Head "https://user:hunter22@one.corp/v2/team/app/manifests/1?token=abcdefgh": dial tcp 10.0.0.1:443: connect: connection refused\nAuthorization: Bearer abcdefghijk`,
    {},
  );
  assert.equal(explained.length, 1);
  assert.doesNotMatch(JSON.stringify(explained), /hunter22|abcdefgh/);
});

test("colours, links and titles of a terminal are no part of the words", () => {
  const plain = `Warning Failed 2m kubelet Failed to pull image "${IMAGE}": ${REF}${refused("https://one.corp:5000")}`;
  const painted = plain
    .replace("Failed", "\u001b[1;31mFailed\u001b[0m")
    .replaceAll("team", "\u001b[38;5;196mte\u001b[0mam")
    .replace("kubelet", "\u001b]8;;https://x.example\u001b\\kubelet\u001b]0;title\u0007");
  assert.deepEqual(only(painted), only(plain));
  assert.deepEqual(only(`${painted}\r\n`), only(plain));
});
