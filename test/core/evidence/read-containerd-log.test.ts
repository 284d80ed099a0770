import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import type { LogFinding } from "../../../src/core/evidence/log-finding.ts";
import {
  type ContainerdLogReader,
  createContainerdLogReader,
} from "../../../src/core/evidence/read-containerd-log.ts";

/** What the real daemons wrote for each answer of a mirror, with the mirror's and the upstream's names put in. */
function captured(name: string): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(join(import.meta.dirname, `../../golden/containerd-log/${name}.txt`), "utf8");
  const cases = text.split(/^## /m).slice(1);
  return new Map(cases.map((each) => [each.slice(0, each.indexOf("\n")), each.split("\n").slice(1)]));
}

const gcr: WatchedRegistry = {
  namespace: "gcr.io",
  mirrors: ["http://mirror.lab:5000"],
  upstream: "allow",
};

function say(finding: LogFinding): string {
  switch (finding.kind) {
    case "fallback": {
      const { registry, repository, object, kind, method, wentTo, reason } = finding.fallback;
      return `${method} ${registry}/${repository} ${kind} ${object.slice(0, 10)} → ${wentTo}: ${reason}`;
    }
    case "failed-pull": {
      const { reference, startedMs, error } = finding.notice;
      return `failed ${reference} ${startedMs === undefined ? "" : "started "}${error}`;
    }
    case "dropped-hosts-file":
      return `dropped ${finding.path ?? "?"}: ${finding.error}`;
    default:
      return finding.kind;
  }
}

function readCase(lines: readonly string[], mirror: string): readonly string[] {
  const reader = createContainerdLogReader();
  reader.watch([{ ...gcr, mirrors: [mirror] }]);
  return readAll(reader, lines);
}

function readAll(reader: ContainerdLogReader, lines: readonly string[]): readonly string[] {
  return lines.flatMap((line, i) => {
    const finding = reader.read(line, 1000 + i);
    return finding === undefined ? [] : [say(finding).replace(/sha256:[0-9a-f]{20,}/g, "sha256:…")];
  });
}

/** A mirror that was asked to resolve `teamN:1` and did not, as it is told of a log at level info. */
function skipped(repository: string, words: string, host = "mirror.lab:5000"): string {
  return `HEAD gcr.io/team/${repository} manifest 1 → gcr.io: ${host}: ${words}`;
}

function failed(repository: string, error: string): string {
  return `failed gcr.io/team/${repository}:1 started ${error}`;
}

const refused = "127.0.0.1:1: connect: connection refused";
const noTokens = `failed to authorize: failed to fetch anonymous token: Get "http://127.0.0.1:1/token": dial tcp ${refused}`;
const noLogin =
  "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";
const pullOf = (repository: string): string =>
  `failed to pull and unpack image "gcr.io/team/${repository}:1"`;
const resolveOf = (repository: string): string =>
  `${pullOf(repository)}: failed to resolve reference "gcr.io/team/${repository}:1"`;
const upstreamDown =
  'failed to do request: Head "https://gcr.io/v2/team/app17/manifests/1": proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused';
const noCa =
  'unable to read CA cert "/etc/containerd/certs.d/gcr.io/nope.crt": open /etc/containerd/certs.d/gcr.io/nope.crt: no such file or directory';
const html = "unexpected media type text/html for sha256:…: not found";
const reset = (port: string): string =>
  `failed to do request: Head "http://mirror.lab:5000/v2/team/app11/manifests/1": read tcp 127.0.0.1:${port}->mirror.lab:5000: read: connection reset by peer`;
const headRefused = `failed to do request: Head "http://127.0.0.1:1/v2/team/app16/manifests/1": dial tcp ${refused}`;

/** 1.6 and 1.7 write nothing of most answers. */
const told1 = {
  served: [],
  "resolve 404": [skipped("app2", "404 Not Found")],
  "resolve 400": [],
  "resolve 401": [],
  "resolve 403": [],
  "resolve 429": [],
  "resolve 500": [],
  "resolve 503": [],
  "token service refuses": [skipped("app10", noTokens)],
  reset: [skipped("app11", reset("40000"))],
  html: [
    failed(
      "app12",
      `rpc error: code = NotFound desc = ${pullOf("app12")}: failed to unpack image on snapshotter native: ${html}`,
    ),
  ],
  "blobs 404": [],
  "manifest 404 at GET": [],
  "short blob": [
    failed("app15", `${pullOf("app15")}: failed to read expected number of bytes: unexpected EOF`),
  ],
  refused: [skipped("app16", headRefused, "127.0.0.1:1")],
  "hosts.toml broken": [
    "dropped ?: failed to parse TOML: (2, 2): unexpected token unclosed table key, was expecting a table key",
    failed("app17", `${resolveOf("app17")}: ${upstreamDown}`),
  ],
  "ca missing": [failed("app18", `${resolveOf("app18")}: ${noCa}`)],
  "nobody has it": [
    skipped("app19", "404 Not Found"),
    failed(
      "app19",
      `rpc error: code = NotFound desc = ${resolveOf("app19")}: gcr.io/team/app19:1: not found`,
    ),
  ],
};

const told2 = {
  served: [],
  "resolve 404": [skipped("app2", "404 Not Found")],
  "resolve 400": [skipped("app3", "400 Bad Request")],
  "resolve 401": [skipped("app4", "401 Unauthorized")],
  "resolve 403": [skipped("app5", "403 Forbidden")],
  "resolve 429": [skipped("app6", "429 Too Many Requests")],
  "resolve 500": [skipped("app7", "500 Internal Server Error")],
  "resolve 503": [skipped("app8", "503 Service Unavailable")],
  "basic without credentials": [skipped("app9", noLogin)],
  "token service refuses": [skipped("app10", noTokens)],
  html: [failed("app12", `rpc error: code = NotFound desc = get image config descriptor: ${html}`)],
  "blobs 404": [],
  "manifest 404 at GET": [],
  "short blob": [
    failed(
      "app15",
      `rpc error: code = Unknown desc = ${pullOf("app15")}: short read: expected 181 bytes but got 10: unexpected EOF`,
    ),
  ],
  refused: [skipped("app16", headRefused, "127.0.0.1:1")],
  "hosts.toml broken": [
    "dropped /etc/containerd/certs.d/gcr.io/hosts.toml: toml: basic strings cannot have new lines",
    failed(
      "app17",
      `rpc error: code = Unknown desc = ${pullOf("app17")}: failed to resolve image: ${upstreamDown}`,
    ),
  ],
  "ca missing": [
    failed("app18", `rpc error: code = Unknown desc = ${pullOf("app18")}: failed to resolve image: ${noCa}`),
  ],
  "nobody has it": [
    skipped("app19", "404 Not Found"),
    failed(
      "app19",
      `rpc error: code = NotFound desc = ${pullOf("app19")}: failed to resolve image: gcr.io/team/app19:1: not found`,
    ),
  ],
};

const info: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "1.6-info": { ...told1, "basic without credentials": [] },
  "1.7-info": { ...told1, "basic without credentials": [skipped("app9", noLogin)] },
  "2.1-info": { ...told2, reset: [skipped("app11", reset("40000"))] },
  "2.1-info-json": { ...told2, reset: [skipped("app11", reset("57982"))] },
};

for (const [name, expected] of Object.entries(info)) {
  test(`what the log tells of each answer of a mirror: ${name}`, () => {
    const cases = captured(name);
    assert.deepEqual([...cases.keys()].sort(), Object.keys(expected).sort());
    for (const [title, lines] of cases) {
      const mirror = title === "refused" ? "http://127.0.0.1:1" : "http://mirror.lab:5000";
      assert.deepEqual(readCase(lines, mirror), expected[title], title);
    }
  });
}

/** At level debug: what another host than the mirror served, and the reason. */
const debug: Readonly<Record<string, readonly RegExp[]>> = {
  served: [],
  "resolve 403": [/^HEAD gcr.io\/team\/app2 manifest 1 → upstream.lab:5000: mirror.lab:5000: 403 Forbidden$/],
  "token service refuses": [
    /^HEAD gcr.io\/team\/app3 manifest 1 → upstream.lab:5000: mirror.lab:5000: 401 Unauthorized$/,
    /^GET gcr.io\/team\/app3 manifest sha256:/,
    /^GET gcr.io\/team\/app3 blob sha256:/,
    /^GET gcr.io\/team\/app3 blob sha256:/,
  ],
  "blobs 404": [
    /^GET gcr.io\/team\/app4 blob sha256:\w+ → upstream.lab:5000: mirror.lab:5000: 404 Not Found$/,
    /^GET gcr.io\/team\/app4 blob sha256:\w+ → upstream.lab:5000: mirror.lab:5000: 404 Not Found$/,
  ],
  "manifest 404 at GET": [
    /^GET gcr.io\/team\/app5 manifest sha256:\w+ → upstream.lab:5000: mirror.lab:5000: 404 Not Found$/,
  ],
  refused: [
    /^HEAD gcr.io\/team\/app6 manifest 1 → upstream.lab:5000: 127.0.0.1:1: failed to do request: Head .* connection refused$/,
    /^GET gcr.io\/team\/app6 manifest sha256:/,
    /^GET gcr.io\/team\/app6 blob sha256:/,
    /^GET gcr.io\/team\/app6 blob sha256:/,
  ],
  "nobody has it": [/^failed gcr.io\/team\/app7:1 started .*not found$/],
};

for (const name of ["1.6-debug", "1.6-debug-json", "1.7-debug", "2.1-debug"]) {
  test(`at level debug each request counts once, blobs too: ${name}`, () => {
    const cases = captured(name);
    assert.deepEqual([...cases.keys()].sort(), Object.keys(debug).sort());
    for (const [title, lines] of cases) {
      const mirror = title === "refused" ? "http://127.0.0.1:1" : "http://mirror.lab:5000";
      const found = readCase(lines, mirror);
      const expected = debug[title] ?? [];
      assert.equal(found.length, expected.length, `${title}: ${found.join("\n")}`);
      for (const [i, pattern] of expected.entries()) assert.match(found[i] ?? "", pattern, title);
    }
  });
}

const start = (reference: string): string => `level=info msg="PullImage \\"${reference}\\""`;
const notFound = (host: string): string =>
  `level=info msg="trying next host after status: 404 Not Found" host="${host}"`;

test("only the last mirror's line is a fallback: before it, another mirror has its turn", () => {
  const reader = createContainerdLogReader();
  reader.watch([{ ...gcr, mirrors: ["https://a:5000/v2/cache", "https://b:5000"], upstream: "never" }]);
  const found = readAll(reader, [start("gcr.io/team/app:1"), notFound("a:5000"), notFound("b:5000")]);
  assert.deepEqual(found, ["HEAD gcr.io/team/app manifest 1 → nowhere: b:5000: 404 Not Found"]);
});

test("a line that could be of several pulls is told of what they have in common, or of none", () => {
  const reader = createContainerdLogReader();
  const mirrors = ["https://m:5000"];
  reader.watch([
    { ...gcr, mirrors },
    { namespace: "quay.io", mirrors, upstream: "allow" },
    { namespace: "*", mirrors, upstream: "allow" },
  ]);
  assert.deepEqual(readAll(reader, [notFound("m:5000")]), ["unattributed"], "whose start was not seen");
  const two = [start("gcr.io/team/a:1"), start("gcr.io/team/b:1"), notFound("m:5000")];
  assert.deepEqual(readAll(reader, two), ["HEAD gcr.io/ manifest  → gcr.io: m:5000: 404 Not Found"]);
  assert.deepEqual(readAll(reader, [start("ghcr.io/x/y:1"), notFound("m:5000")]), ["unattributed"]);
  const ended = ["gcr.io/team/a:1", "gcr.io/team/b:1"].map(
    (reference) => `level=info msg="PullImage \\"${reference}\\" returns image reference \\"sha256:0\\""`,
  );
  assert.deepEqual(readAll(reader, [...ended, notFound("m:5000")]), [
    "HEAD ghcr.io/x/y manifest 1 → ghcr.io: m:5000: 404 Not Found",
  ]);
});

test("a URL in the error tells the image, without the mirror's own path", () => {
  const reader = createContainerdLogReader();
  reader.watch([{ ...gcr, mirrors: ["https://m:5000/v2/cache/gcr"] }]);
  const error = `failed to do request: Head \\"https://m:5000/v2/cache/gcr/team/app/manifests/1?ns=gcr.io\\": EOF`;
  assert.deepEqual(readAll(reader, [`level=info msg="trying next host" error="${error}" host="m:5000"`]), [
    'HEAD gcr.io/team/app manifest 1 → gcr.io: m:5000: failed to do request: Head "https://m:5000/v2/cache/gcr/team/app/manifests/1": EOF',
  ]);
});

test("lines of other hosts, other registries and no known shape tell nothing", () => {
  const reader = createContainerdLogReader();
  reader.watch([gcr]);
  const lines = [
    start("gcr.io/team/app:1"),
    notFound("gcr.io"),
    notFound("127.0.0.1:478"),
    "panic: trying next host",
    "{ trying next host",
    'level=info msg="trying next host" error="x"',
    'level=info msg="PullImage \\"not a reference\\" failed" error="x"',
    `level=debug msg="fetch response received" response.status="200 OK" url="https://quay.io/v2/a/manifests/1"`,
  ];
  assert.deepEqual(readAll(reader, lines), []);
});

test("where mirrors are for digests only, the upstream resolves tags because that was wanted", () => {
  const reader = createContainerdLogReader();
  reader.watch([{ ...gcr, pullOnly: true }]);
  const answered = (path: string): string =>
    `level=debug msg="fetch response received" response.status="200 OK" url="https://gcr.io/v2/team/app/${path}"`;
  assert.deepEqual(readAll(reader, [answered("manifests/1"), answered("blobs/sha256:0")]), [
    "GET gcr.io/team/app blob sha256:0 → gcr.io: no mirror served it",
  ]);
});
