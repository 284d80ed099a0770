import assert from "node:assert/strict";
import { test } from "node:test";
import { parseContainerdVersion, traitsOf } from "../../../src/core/containerd/version.ts";
import { sumUpWalk, type WalkSummary } from "../../../src/core/evidence/sum-up-walk.ts";
import {
  type Answer,
  always,
  type Failing,
  on,
  type Part,
  type Play,
  play,
  serves,
} from "../containerd/pull/support/play-pull.ts";

function sumUp(script: Play): WalkSummary {
  const { walk, hosts } = play(script);
  const version = parseContainerdVersion(script.version ?? "2.1.9");
  assert.ok(version);
  return sumUpWalk(walk, { hosts, traits: traitsOf(version), pullMode: "transfer" });
}

const withMirror = (part: Part, more: Partial<Play> = {}): WalkSummary =>
  sumUp({ hosts: { "m:5000": part, "gcr.io": serves }, ...more });

test("where the content comes from, and whether that is a problem", () => {
  const cases: readonly (readonly [Part, WalkSummary["from"], boolean, string])[] = [
    [serves, "mirror", false, "the pull comes from the mirror m:5000"],
    [always({ status: 404 }), "upstream", true, "the pull comes from the upstream gcr.io"],
    [
      on("blobs", { status: 404 }),
      "mixed",
      true,
      "the pull comes from the mirror m:5000, and in part from the upstream gcr.io",
    ],
    [
      on("HEAD", { status: 403 }),
      "mirror",
      true,
      "the pull comes from the mirror m:5000; its tag is resolved at the upstream gcr.io, which must answer",
    ],
    [always(["http", "no-answer"]), "nowhere", true, "the pull hangs at m:5000, which does not answer"],
  ];
  for (const [part, from, hasProblem, message] of cases) {
    const summary = withMirror(part);
    assert.deepEqual([summary.from, summary.hasProblem, summary.message], [from, hasProblem, message]);
  }
});

test("no mirror, no problem; one mirror after another is a design, one that fails is not", () => {
  const none = sumUp({ hosts: { "gcr.io": serves } });
  assert.deepEqual([none.from, none.hasProblem], ["upstream", false]);
  const chain = (first: Part) => sumUp({ hosts: { a: first, b: serves, "gcr.io": serves } });
  assert.equal(chain(always({ status: 404 })).hasProblem, false);
  assert.equal(chain(always({ status: 500 })).hasProblem, true);
  const missing = sumUp({ hosts: { a: always({ status: 404 }), "gcr.io": always({ status: 404 }) } });
  assert.deepEqual([missing.message, missing.hasProblem], ["the pull fails: no host has the image", true]);
});

test("what a host's trouble means for pulls", () => {
  const consequence = (answer: Answer | Failing, more: Partial<Play> = {}) =>
    withMirror(always(answer), more).hosts[0]?.trouble?.consequence;
  assert.equal(
    consequence({ status: 500 }),
    "containerd asks the next host, gcr.io: the pull comes from the upstream, and nobody is told",
  );
  assert.match(
    consequence({ status: 429 }) ?? "",
    /^containerd asks it 6 times at once, then asks the next host/,
  );
  assert.match(consequence({ status: 429 }, { version: "2.3.4" }) ?? "", /^containerd asks it 5 times/);
  assert.match(
    consequence(["connect", "connect-timeout"]) ?? "",
    /^containerd waits 30 s for it, again for every object/,
  );
  assert.match(
    consequence(["connect", "connect-timeout"], { entries: { "m:5000": { dialTimeoutMs: 1_000 } } }) ?? "",
    /^containerd waits 1 s for it/,
  );
  assert.equal(
    consequence({ type: "text/html", digest: null, body: "<html>" }),
    "the pull fails here, although gcr.io has the image",
  );
  assert.equal(
    withMirror(on("blobs", { status: 404 })).hosts[0]?.trouble?.consequence,
    "containerd asks the next host, gcr.io: this part comes from the upstream, and nobody is told",
  );
  const alone = sumUp({ hosts: { a: always({ status: 404 }) } });
  assert.equal(alone.hosts[0]?.trouble?.consequence, "containerd has no other host to ask: the pull fails");
});

test("the witness is no host to go to", () => {
  const { hosts, from } = sumUp({
    hosts: { a: always({ status: 404 }), "127.0.0.1:478": serves },
    entries: { "127.0.0.1:478": { path: "/witness" } },
  });
  assert.equal(from, "nowhere");
  assert.match(hosts[0]?.trouble?.consequence ?? "", /no other host to ask/);
  assert.equal(hosts[1]?.trouble, undefined);
});

test("every answer that does not serve has words, and they name the host", () => {
  const answers: Readonly<Record<string, Part>> = {
    "not-found": always({ status: 404 }),
    unauthorized: always({ status: 401 }),
    "credentials-refused": always({ status: 401, refused: true }),
    forbidden: always({ status: 403 }),
    "rate-limited": always({ status: 408 }),
    "server-error": always({ status: 502 }),
    "other-status": always({ status: 418 }),
    "redirect-to-nowhere": always({ status: 302 }),
    "bad-digest-header": on("HEAD", { digest: "x" }),
    "manifest-too-large": always({ length: 9_000_000 }),
    "get-refused": ({ method }) => (method === "HEAD" ? { digest: null } : { status: 500 }),
    "wrong-type": on("HEAD", { type: "application/json" }),
    "schema-1": on("HEAD", { type: "text/plain" }),
    "no-content": on("HEAD", { length: 0 }),
    "digest-unknown": on("HEAD", { digest: `sha256:${"1".repeat(64)}` }),
    "short-body": on("GET", { body: "x" }),
    "wrong-bytes": on("GET", { body: "x".repeat(9_999) }),
    "cut-body": on("GET", { end: "cut" }),
  };
  for (const [code, part] of Object.entries(answers)) {
    const { trouble } = withMirror(part).hosts[0] ?? {};
    assert.equal(trouble?.code, code);
    assert.match(trouble.cause, /m:5000/);
    assert.ok(trouble.fix.length > 10, trouble.fix);
  }
});

test("the path, when it is at fault", () => {
  const fix = (path: string, written: string) =>
    withMirror(always({ status: 404 }), { entries: { "m:5000": { path, written } } }).hosts[0]?.trouble
      ?.fix ?? "";
  assert.match(
    fix("/v2/proj/v2", "https://m:5000/v2/proj/"),
    /^add override_path = true to \[host\."https:\/\/m:5000\/v2\/proj\/"\] .* go to \/v2\/proj\/…$/,
  );
  assert.match(
    fix("/proj/v2", "https://m:5000/proj"),
    /write https:\/\/m:5000\/v2\/proj with override_path = true$/,
  );
  assert.doesNotMatch(fix("/v2", "https://m:5000"), /override_path/);
  assert.doesNotMatch(fix("/v2/proj", "https://m:5000/v2/proj"), /override_path/);
});
