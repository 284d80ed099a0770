import assert from "node:assert/strict";
import { test } from "node:test";
import type { WatchedRegistry } from "../../../../src/core/evidence/evidence-report.ts";
import type { Span } from "../../../../src/core/evidence/otlp/span.ts";
import { collect, line, oneMirror, traceOf, watching, witnessHost } from "./collected.ts";

const digest = `sha256:${"a".repeat(64)}`;
const mirror = "http://127.0.0.1:5000/v2/team/app";
const ns = "?ns=gcr.io";

/** The one pull that comes of these requests. */
function pullOf(
  requests: (trace: ReturnType<typeof traceOf>) => readonly Span[],
  options: { image?: string; watched?: readonly WatchedRegistry[]; root?: Partial<Span>; code?: string } = {},
) {
  const { image = "gcr.io/team/app:1.0", watched = oneMirror, root = {}, code = "OK" } = options;
  const trace = traceOf("t");
  const spans = [...requests(trace), trace.root(image, root, { "rpc.response.status_code": code })];
  const { pulls } = collect([spans], watched);
  assert.equal(pulls.length, 1);
  const [pull = assert.fail()] = pulls;
  return { ...pull, lines: pull.requests.map(line) };
}

test("everything there: the one answer to HEAD says who served", () => {
  assert.equal(pullOf((t) => [t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 200)]).path, "mirror");
  const upstream = pullOf((t) => [
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 404),
    t.request("HEAD", "https://gcr.io/v2/team/app/manifests/1.0", 200),
  ]);
  assert.deepEqual([upstream.path, upstream.reason], ["upstream", "127.0.0.1:5000 answered 404"]);
});

test("a tag that the upstream resolved, with content of the mirror, is mixed", () => {
  const pull = pullOf((t) => [
    t.request("HEAD", "https://gcr.io/v2/team/app/manifests/1.0", 200),
    t.request("GET", `${mirror}/manifests/${digest}${ns}`, 200),
    t.request("GET", `${mirror}/blobs/${digest}${ns}`, 200),
  ]);
  assert.deepEqual([pull.path, pull.reason], ["mixed", "the tag was resolved by the upstream"]);
});

test("content of the upstream alone is upstream, though the mirror resolved the tag", () => {
  const pull = pullOf((t) => [
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 200),
    t.request("GET", `${mirror}/blobs/${digest}${ns}`, 500),
    t.request("GET", `https://gcr.io/v2/team/app/blobs/${digest}`, 200),
  ]);
  assert.deepEqual([pull.path, pull.reason], ["upstream", "127.0.0.1:5000 answered 500"]);
});

test("a part that the witness was asked for came from beyond, though the span that says so is lost", () => {
  const [manifest, blob] = [`manifests/${digest}${ns}`, `blobs/${digest}${ns}`];
  const pull = pullOf((t) => [
    t.request("GET", `${mirror}/${manifest}`, 200),
    t.request("GET", `${mirror}/${blob}`, 404),
    t.request("GET", `https://${witnessHost}/witness/team/app/${blob}`, 404),
  ]);
  assert.deepEqual([pull.path, pull.reason], ["mixed", "127.0.0.1:5000 answered 404"]);
});

test("…also where a mirror had resolved it, or served another range of the same blob", () => {
  const [manifest, blob] = [`manifests/${digest}${ns}`, `blobs/${digest}${ns}`];
  const passedOver = (asked: string) => `https://${witnessHost}/witness/team/app/${asked}`;
  const resolved = pullOf((t) => [
    t.request("HEAD", `${mirror}/${manifest}`, 200),
    t.request("GET", `${mirror}/${manifest}`, 500),
    t.request("GET", passedOver(manifest), 404),
  ]);
  assert.equal(resolved.path, "mixed");
  const inParts = pullOf((t) => [
    t.request("GET", `${mirror}/${blob}`, 206),
    t.request("GET", `${mirror}/${blob}`, 500),
    t.request("GET", passedOver(blob), 404),
  ]);
  assert.equal(inParts.path, "mixed");
});

test("a pull that went well without any answer is none", () => {
  assert.equal(pullOf((t) => [t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 500)]).path, "none");
});

test("a pull fails by its gRPC code, its status or an exception, whoever served", () => {
  const served = (t: ReturnType<typeof traceOf>) => [t.request("GET", `${mirror}/manifests/1.0${ns}`, 200)];
  const message =
    'rpc error: code = FailedPrecondition desc = failed to pull and unpack image "gcr.io/team/app:1.0": bad digest';
  assert.deepEqual(
    [pullOf(served, { code: "INTERNAL" }).path, pullOf(served, { code: "INTERNAL" }).reason],
    ["failed", "gRPC status INTERNAL"],
  );
  const failed = pullOf(served, { root: { failed: true, message } });
  assert.deepEqual([failed.path, failed.reason], ["failed", "bad digest"]);
  const attributes = new Map([["exception.message", message]]);
  const exception = pullOf(served, { root: { events: [{ atMs: 1, name: "exception", attributes }] } });
  assert.deepEqual(
    [exception.path, exception.reason, exception.isMissingImage],
    ["failed", "bad digest", undefined],
  );
});

test("an image that every host answers 404 for is missing; one that a host does not answer for is not", () => {
  const asked = (status: number | undefined) => (t: ReturnType<typeof traceOf>) => [
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, status, status === undefined ? { message: "EOF" } : {}),
    t.request("HEAD", "https://gcr.io/v2/team/app/manifests/1.0", 404),
  ];
  const missing = pullOf(asked(404), { code: "NOT_FOUND" });
  assert.deepEqual(
    [missing.path, missing.isMissingImage, missing.reason],
    ["failed", true, "127.0.0.1:5000 answered 404; gcr.io answered 404"],
  );
  assert.equal(pullOf(asked(403), { code: "NOT_FOUND" }).isMissingImage, undefined);
  const dead = pullOf(asked(undefined), { code: "NOT_FOUND" });
  assert.deepEqual(
    [dead.isMissingImage, dead.reason],
    [undefined, "127.0.0.1:5000: EOF; gcr.io answered 404"],
  );
});

test("the challenge before a 404 is not its last word", () => {
  const pull = pullOf(
    (t) => [
      t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 401),
      t.request("GET", "https://tokens.example/token?scope=x", 200, {
        name: "remotes.docker.resolver.FetchToken",
      }),
      t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 404),
    ],
    { code: "NOT_FOUND" },
  );
  assert.equal(pull.isMissingImage, true);
  assert.deepEqual(pull.lines[1], "mirror tokens.example GET token 200");
});

test("a token is asked for on behalf of the host that wanted one", () => {
  const token = (t: ReturnType<typeof traceOf>, name: string) =>
    t.request("POST", "https://tokens.example/token", undefined, {
      name,
      message: "dial tcp: lookup tokens.example: no such host",
    });
  const pull = pullOf((t) => [
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 401),
    token(t, "remotes.docker.resolver.FetchTokenWithOAuth"),
    t.request("HEAD", "https://gcr.io/v2/team/app/manifests/1.0", 401),
    token(t, "remotes.docker.resolver.FetchToken"),
    t.request("HEAD", "https://gcr.io/v2/team/app/manifests/1.0", 200),
  ]);
  assert.deepEqual(
    pull.requests.filter(({ kind }) => kind === "token").map(({ role, error }) => [role, error]),
    [
      ["mirror", "no such host"],
      ["upstream", "no such host"],
    ],
  );
  assert.equal(pull.reason, "127.0.0.1:5000 answered 401; its token service: no such host");
});

test("what reaches the witness, no mirror served", () => {
  const pull = pullOf(
    (t) => [
      t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 500),
      t.request("HEAD", `https://127.0.0.1:478/witness/team/app/manifests/1.0${ns}`, 404),
    ],
    { code: "NOT_FOUND" },
  );
  assert.deepEqual(pull.lines[1], "witness 127.0.0.1:478 HEAD gcr.io/team/app manifest 1.0 404");
  assert.deepEqual([pull.path, pull.isMissingImage], ["failed", undefined]);
});

test("a mirror with a path serves below it, the longest that fits", () => {
  const watched = watching(
    "https://m.example/v2/all",
    "https://m.example:443/v2/all/gcr",
    "http://n.example:80",
  );
  const pull = pullOf(
    (t) => [
      t.request("HEAD", `https://m.example/v2/all/team/app/manifests/1.0${ns}`, 404),
      t.request("HEAD", `https://M.example:443/v2/all/gcr/team/app/manifests/1.0${ns}`, 404),
      t.request("HEAD", `http://user:secret@n.example/v2/team/app/manifests/1.0${ns}`, 200),
    ],
    { watched },
  );
  assert.deepEqual(pull.lines, [
    "mirror m.example HEAD gcr.io/team/app manifest 1.0 404",
    "mirror m.example HEAD gcr.io/team/app manifest 1.0 404",
    "mirror n.example HEAD gcr.io/team/app manifest 1.0 200",
  ]);
  assert.doesNotMatch(JSON.stringify(pull), /secret/);
});

test("Docker Hub is docker.io; a namespace without an entry goes by the one for all others", () => {
  const watched: readonly WatchedRegistry[] = [
    { namespace: "docker.io", mirrors: ["http://hub.example"], upstream: "allow" },
    { namespace: "*", mirrors: ["http://rest.example"], upstream: "allow" },
  ];
  const hub = pullOf(
    (t) => [
      t.request("HEAD", "http://hub.example/v2/library/nginx/manifests/latest?ns=docker.io", 503),
      t.request("HEAD", "https://registry-1.docker.io/v2/library/nginx/manifests/latest", 200),
    ],
    { image: "nginx", watched },
  );
  assert.deepEqual(hub.lines, [
    "mirror hub.example HEAD docker.io/library/nginx manifest latest 503",
    "upstream registry-1.docker.io HEAD docker.io/library/nginx manifest latest 200",
  ]);
  assert.equal(hub.reference, "docker.io/library/nginx:latest");
  const other = pullOf(
    (t) => [
      t.request("HEAD", "http://hub.example/v2/a/b/manifests/1?ns=127.0.0.1%3A6000", 404),
      t.request("HEAD", "http://rest.example/v2/a/b/manifests/1?ns=127.0.0.1%3A6000", 404),
      t.request("HEAD", "http://127.0.0.1:6000/v2/a/b/manifests/1", 200),
    ],
    { image: "127.0.0.1:6000/a/b:1", watched },
  );
  assert.deepEqual(other.lines, [
    "upstream hub.example HEAD 127.0.0.1:6000/a/b manifest 1 404",
    "mirror rest.example HEAD 127.0.0.1:6000/a/b manifest 1 404",
    "upstream 127.0.0.1:6000 HEAD 127.0.0.1:6000/a/b manifest 1 200",
  ]);
});

test("a masked namespace is the image's, or that of the mirror", () => {
  const url = "http://127.0.0.1:5000/v2/team/app/manifests/1.0?ns=%5BREDACTED%5D";
  const wanted = "mirror 127.0.0.1:5000 HEAD gcr.io/team/app manifest 1.0 200";
  assert.deepEqual(pullOf((t) => [t.request("HEAD", url, 200)]).lines, [wanted]);
  assert.deepEqual(pullOf((t) => [t.request("HEAD", url, 200)], { image: "(unreadable)" }).lines, [wanted]);
});

test("a redirect to the upstream is the upstream's answer, not the mirror's", () => {
  const pull = pullOf((t) => [
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 200),
    t.request("GET", `${mirror}/blobs/${digest}${ns}`, 307),
    t.request("GET", `https://gcr.io/v2/team/app/blobs/${digest}`, 200),
  ]);
  assert.equal(pull.path, "upstream");
});

test("the upstream's storage is the upstream's, and the way of a redirect may be long", () => {
  const pull = pullOf((t) => [
    t.request("GET", `https://gcr.io/v2/team/app/blobs/${digest}`, 302),
    t.request("GET", "https://storage.example/some/where?signature=secret", 307),
    t.request("GET", "https://cdn.example/v2/x/blobs/y", 200),
  ]);
  assert.deepEqual(pull.lines, [
    "upstream gcr.io GET gcr.io/team/app blob aaaa 302 → storage.example",
    "upstream storage.example GET gcr.io/team/app blob aaaa 307 → cdn.example",
    "upstream cdn.example GET gcr.io/team/app blob aaaa 200",
  ]);
  assert.deepEqual([pull.path, pull.reason], ["upstream", "no mirror was asked"]);
});

test("a layer fetched in pieces at once: each redirect has its own next hop", () => {
  const pull = pullOf((t) => [
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 200),
    ...[1, 2, 3].map(() => t.request("GET", `${mirror}/blobs/${digest}${ns}`, 307)),
    ...[1, 2, 3].map(() => t.request("GET", "https://storage.example/x", 206)),
  ]);
  assert.equal(pull.path, "mirror");
  assert.equal(pull.requests.filter(({ redirectedTo }) => redirectedTo === "storage.example").length, 3);
  assert.equal(pull.requests.filter(({ status, role }) => status === 206 && role === "mirror").length, 3);
});

test("hosts that are not of the desired state are no mirrors", () => {
  const pull = pullOf((t) => [t.request("HEAD", `http://other.example/v2/team/app/manifests/1.0${ns}`, 200)]);
  assert.deepEqual(
    [pull.path, pull.lines],
    ["upstream", ["upstream other.example HEAD gcr.io/team/app manifest 1.0 200"]],
  );
});

test("what is neither manifest nor blob is not counted, nor what cannot be read", () => {
  const pull = pullOf((t) => [
    t.request("GET", "https://gcr.io/v2/", 401),
    t.request("GET", `https://gcr.io/v2/team/app/referrers/${digest}`, 200),
    t.request("GET", "ftp://gcr.io/v2/team/app/manifests/1.0", 200),
    t.request("GET", "https://[oops]/../manifests/", 200),
    t.request("GET", "", 200),
    t.request("HEAD", `${mirror}/manifests/1.0${ns}`, 200),
  ]);
  assert.deepEqual(pull.lines, ["mirror 127.0.0.1:5000 HEAD gcr.io/team/app manifest 1.0 200"]);
});

test("a push is no pull", () => {
  const trace = traceOf("t");
  const blob = trace.request("GET", `https://gcr.io/v2/team/app/manifests/1.0`, 404);
  const upload = trace.request("POST", "https://gcr.io/v2/team/app/blobs/uploads/", 202);
  const root = trace.span({ spanId: "root", name: "containerd.services.transfer.v1.Transfer/Transfer" });
  assert.deepEqual(collect([[blob, upload, root]]), { requests: [], pulls: [], notices: [] });
});
