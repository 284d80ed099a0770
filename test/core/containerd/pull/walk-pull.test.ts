import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { buildImage } from "../../../support/image.ts";
import {
  type Answer,
  always,
  type Failing,
  image,
  on,
  type Part,
  play,
  serves,
} from "./support/play-pull.ts";

const UPSTREAM_SERVES = "resolve gcr.io, manifest gcr.io, config gcr.io";
const A_SERVES = "resolve a, manifest a, config a";
const releases = ["1.6.20", "1.7.24", "2.1.9", "2.3.4"] as const;

function outcomeWith(part: Part, version: string, reference?: string): string {
  const hosts = { a: part, "gcr.io": serves };
  return play({ hosts, version, ...(reference === undefined ? {} : { reference }) }).outcome;
}

describe("a healthy mirror", () => {
  test("is asked for the tag, the manifest and the config, and the upstream is not", () => {
    const { lines, outcome } = play({ hosts: { a: serves, "gcr.io": serves } });
    assert.deepEqual(lines, [
      "HEAD a manifests/1 → serves served",
      "GET a manifests/TOP → serves served",
      "GET a blobs/CONFIG → serves served",
    ]);
    assert.equal(outcome, A_SERVES);
  });

  test("of an index the manifest of this machine is fetched", () => {
    const here = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
    const multi = buildImage({ platforms: ["windows/amd64", "linux/s390x", here] });
    const { lines } = play({ hosts: { a: serves }, image: multi });
    assert.deepEqual(lines.slice(1), [
      "GET a manifests/TOP → serves served",
      "GET a manifests/MANIFEST-2 → serves served",
      "GET a blobs/OTHER → serves served".replace("OTHER", "BLOB-4"),
    ]);
    const none = buildImage({ platforms: ["windows/amd64", "linux/s390x"] });
    assert.equal(play({ hosts: { a: serves }, image: none }).outcome, "stopped at a: no-platform");
  });

  test("by digest", () => {
    const { lines } = play({ hosts: { a: serves }, reference: `gcr.io/team/app@${image.digest}` });
    assert.deepEqual(lines.slice(0, 2), [
      "HEAD a manifests/TOP → serves served",
      "GET a manifests/TOP → serves served",
    ]);
  });

  test("a second mirror is looked at although nobody gets there; the upstream is not", () => {
    const { lines } = play({ hosts: { a: serves, b: always({ status: 503 }), "gcr.io": serves } });
    assert.deepEqual(lines.slice(3), ["(HEAD b manifests/1 → next server-error)"]);
  });
});

describe("the resolve stage, answer by answer", () => {
  const next: Readonly<Record<string, Answer | Failing>> = {
    "other-status 400": { status: 400 },
    "unauthorized 401": { status: 401 },
    "credentials-refused 401": { status: 401, refused: true },
    "forbidden 403": { status: 403 },
    "not-found 404": { status: 404 },
    "other-status 405": { status: 405 },
    "rate-limited 408": { status: 408 },
    "other-status 410": { status: 410 },
    "other-status 415": { status: 415 },
    "rate-limited 429": { status: 429 },
    "server-error 500": { status: 500 },
    "server-error 504": { status: 504 },
    "no-such-host": ["dns", "no-such-host"],
    refused: ["connect", "refused"],
    "connect-timeout": ["connect", "connect-timeout"],
    "unknown-authority": ["tls", "unknown-authority"],
    "speaks-http": ["tls", "speaks-http"],
    "not-http": ["http", "not-http"],
    closed: ["http", "closed"],
    "redirect-loop": ["http", "redirect-loop"],
    "no-credentials": ["auth", "no-credentials"],
    "token-refused": ["token", "token-refused"],
    "no-realm": ["token", "no-realm"],
    "manifest-too-large": { length: 5_000_000 },
  };
  for (const [name, answer] of Object.entries(next))
    test(`${name}: the next host`, () => {
      for (const version of releases) {
        const { lines, outcome } = play({ hosts: { a: on("HEAD", answer), "gcr.io": serves }, version });
        assert.equal(lines[0], `HEAD a manifests/1 → next ${name.replace(/ .*/, "")}`, version);
        assert.equal(lines[1], "HEAD gcr.io manifests/1 → serves served");
        // At the fetch stage the mirror is asked again, unless it cannot be reached at all.
        assert.match(outcome, /^resolve gcr\.io, manifest (a|gcr\.io)/);
      }
    });

  const stops: Readonly<Record<string, Part>> = {
    "redirect-to-nowhere": always({ status: 307 }),
    "redirect-to-nowhere ": always({ status: 304 }),
    "bad-digest-header": on("HEAD", { digest: "sha256:abc" }),
    "web-page": always({ type: "text/html", digest: null, body: "<html>" }),
    "wrong-type": on("HEAD", { type: "application/json" }),
    "wrong-type ": on("HEAD", { type: "" }),
    "wrong-type  ": on("HEAD", { type: "application/octet-stream" }),
    "schema-1": on("HEAD", { type: "text/plain" }),
    "no-content": on("HEAD", { length: 0 }),
  };
  for (const [name, part] of Object.entries(stops))
    test(`${name}: the pull stops although the upstream is good`, () => {
      for (const version of releases) {
        const { outcome, lines } = play({ hosts: { a: part, "gcr.io": serves }, version });
        assert.equal(outcome, `stopped at a: ${name.trim()}`, version);
        assert.equal(lines.at(-1), "(HEAD gcr.io manifests/1 → serves served)");
      }
    });

  test("too little in the answer to HEAD: the manifest itself is fetched", () => {
    for (const answer of [{ status: 204, digest: null }, { digest: null }, { length: null }])
      for (const version of releases) {
        const { lines, outcome } = play({ hosts: { a: on("HEAD", answer), "gcr.io": serves }, version });
        assert.deepEqual(lines.slice(0, 2), [
          "HEAD a manifests/1 → asks no-digest",
          "GET a manifests/1 → serves served",
        ]);
        assert.equal(outcome, A_SERVES);
      }
  });

  test("and what goes wrong then stops the pull", () => {
    const bad = (answer: Answer | Failing): Part => {
      return ({ method, stage }) =>
        stage !== "resolve" ? undefined : method === "HEAD" ? { digest: null } : answer;
    };
    const cases: readonly (readonly [Answer | Failing, string])[] = [
      [{ status: 404 }, "get-refused"],
      [{ status: 503 }, "get-refused"],
      [["http", "closed"], "closed"],
      [["token", "token-refused"], "token-refused"],
      [{ type: "text/html", body: "<html>" }, "web-page"],
      [{ end: "cut" }, "cut-body"],
    ];
    for (const [answer, code] of cases)
      assert.equal(outcomeWith(bad(answer), "2.1.9"), `stopped at a: ${code}`);
    assert.match(outcomeWith(bad({ end: "limit" }), "2.1.9"), /^resolve gcr\.io/);
  });

  test("no answer: it hangs before 2.3, later the next host is asked", () => {
    const mute = always(["http", "no-answer"]);
    for (const version of ["1.6.20", "1.7.24", "2.1.9", "2.2.7"])
      assert.equal(outcomeWith(mute, version), "hangs at a: no-answer");
    assert.equal(outcomeWith(mute, "2.3.0"), UPSTREAM_SERVES);
  });

  test("parameters of the type do not matter", () => {
    const part = on("HEAD", { type: `${image.mediaType}; charset=utf-8` });
    assert.equal(outcomeWith(part, "2.1.9"), A_SERVES);
  });

  test("schema 1: refused by 2.x; what 1.x makes of it is not known", () => {
    const part = on("HEAD", { type: "application/vnd.docker.distribution.manifest.v1+prettyjws" });
    assert.equal(outcomeWith(part, "1.7.24"), "unknown at a: schema-1");
    assert.equal(outcomeWith(part, "2.1.9"), "stopped at a: schema-1");
  });

  test("all hosts fail", () => {
    const hosts = { a: always({ status: 404 }), "gcr.io": always(["dns", "no-such-host"] as const) };
    assert.equal(play({ hosts }).outcome, "failed at resolve");
  });

  test("what cannot be asked as containerd would is not guessed", () => {
    for (const code of [
      "socks-proxy",
      "credentials-withheld",
      "link-local",
      "loopback",
      "time-over",
    ] as const) {
      const { outcome, lines } = play({ hosts: { a: always(["connect", code]), "gcr.io": serves } });
      assert.equal(outcome, `unknown at a: ${code}`);
      assert.equal(lines.length, 1);
    }
  });
});

describe("capabilities", () => {
  test('["pull"]: the tag is resolved at the upstream, the content comes from the mirror', () => {
    const entries = { a: { capabilities: ["pull"] } } as const;
    const { lines, outcome } = play({ hosts: { a: serves, "gcr.io": serves }, entries });
    assert.equal(lines[0], "HEAD gcr.io manifests/1 → serves served");
    assert.equal(outcome, "resolve gcr.io, manifest a, config a");
  });

  test('["push"]: asked for content all the same', () => {
    const entries = { a: { capabilities: ["push"] } } as const;
    const { outcome } = play({ hosts: { a: serves, "gcr.io": serves }, entries });
    assert.equal(outcome, "resolve gcr.io, manifest a, config a");
  });
});

describe("the fetch stage", () => {
  test("any status but 2xx, and a broken answer: the next host, for that object", () => {
    for (const status of [300, 304, 400, 401, 403, 404, 405, 429, 500, 503]) {
      const { lines, outcome } = play({ hosts: { a: on("blobs", { status }), "gcr.io": serves } });
      assert.match(lines[2] ?? "", /^GET a blobs\/CONFIG → next/);
      assert.equal(outcome, "resolve a, manifest a, config gcr.io");
    }
    for (const failing of [
      ["http", "closed"],
      ["http", "not-http"],
    ] as const)
      assert.equal(outcomeWith(on("blobs", failing), "2.1.9"), "resolve a, manifest a, config gcr.io");
  });

  test("a mirror that cannot be reached is not asked again by us", () => {
    const { lines, outcome, walk } = play({
      hosts: { a: always(["connect", "refused"]), "gcr.io": serves },
    });
    assert.equal(outcome, UPSTREAM_SERVES);
    assert.deepEqual(lines.filter((line) => line.includes(" a ")).length, 3);
    assert.deepEqual(
      walk.visits.filter(({ reply }) => reply === undefined).map(({ request }) => request.stage),
      ["manifest", "config"],
    );
  });

  test("a digest that its own mirror does not have", () => {
    const other = `sha256:${"0".repeat(64)}`;
    const { lines, outcome } = play({
      hosts: { a: on("HEAD", { digest: other }), "gcr.io": serves },
    });
    assert.equal(lines[1], "GET a manifests/OTHER → next digest-unknown");
    assert.equal(lines[2], "GET gcr.io manifests/OTHER → next not-found");
    assert.equal(outcome, "failed at manifest");
  });

  const stops: Readonly<Record<string, Answer>> = {
    "short-body": { body: "{}" },
    "wrong-bytes": { body: "x".repeat(5_000) },
    "web-page": { body: "<html>", type: "text/html" },
    "cut-body": { end: "cut" },
  };
  for (const [code, answer] of Object.entries(stops))
    test(`${code}: the pull stops`, () => {
      assert.equal(outcomeWith(on("GET", answer), "2.1.9"), `stopped at a: ${code}`);
      assert.equal(outcomeWith(on("blobs", answer), "1.6.20"), `stopped at a: ${code}`);
    });

  test("a manifest that is none", () => {
    const empty = { status: 200, body: "[]", digest: digestOf("[]"), type: image.mediaType };
    const part: Part = ({ stage }) => (stage === "config" ? undefined : empty);
    assert.equal(outcomeWith(part, "2.1.9"), "stopped at a: not-a-manifest");
  });

  test("no answer hangs, as in the resolve stage", () => {
    assert.equal(outcomeWith(on("blobs", ["http", "no-answer"]), "2.1.9"), "hangs at a: no-answer");
    assert.equal(
      outcomeWith(on("blobs", ["http", "no-answer"]), "2.3.4"),
      "resolve a, manifest a, config gcr.io",
    );
  });
});

describe("a digest that nobody has as a manifest", () => {
  const reference = `gcr.io/team/app@${image.digest}`;
  const lacks: Part = ({ isManifest }) =>
    isManifest ? { status: 404 } : { status: 200, type: "application/octet-stream" };

  test("is asked for as a blob, and a mirror that has it spoils the image", () => {
    for (const version of releases)
      assert.equal(
        play({ hosts: { a: lacks, "gcr.io": always({ status: 404 }) }, version, reference }).outcome,
        "stopped at a: blob-for-manifest",
      );
  });

  test("even after a refusal, until that was mended", () => {
    const hosts = { a: lacks, "gcr.io": always({ status: 403 }) };
    for (const version of ["1.6.39", "1.7.34", "2.0.10", "2.1.9", "2.2.5"])
      assert.equal(play({ hosts, version, reference }).outcome, "stopped at a: blob-for-manifest", version);
    for (const version of ["2.0.11", "2.2.6", "2.3.0", "2.4.0"])
      assert.equal(play({ hosts, version, reference }).outcome, "failed at resolve", version);
  });
});

test("the witness is not asked: what it answers is known", () => {
  const { lines, outcome } = play({
    hosts: { a: always({ status: 404 }), "127.0.0.1:478": serves, "gcr.io": serves },
    entries: { "127.0.0.1:478": { path: "/witness" } },
  });
  assert.equal(lines[1], "HEAD 127.0.0.1:478 manifests/1 → next witness");
  assert.equal(outcome, UPSTREAM_SERVES);
});

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
