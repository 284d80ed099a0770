import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference } from "../../../../../src/core/containerd/image-reference.ts";
import { parseContainerdVersion, traitsOf } from "../../../../../src/core/containerd/version.ts";
import { mergeTroubles } from "../../../../../src/core/doctor/pulls/probe/host-trouble.ts";
import { type JudgedWalk, judgeWalk } from "../../../../../src/core/doctor/pulls/probe/judge-walk.ts";
import type { FailureCode, FailurePhase } from "../../../../../src/core/evidence/registry-failure.ts";
import { sumUpWalk } from "../../../../../src/core/evidence/sum-up-walk.ts";
import { buildImage } from "../../../../support/image.ts";
import {
  always,
  on,
  type Part,
  type Play,
  play,
  serves,
} from "../../../containerd/pull/support/play-pull.ts";

function judge(script: Play): JudgedWalk {
  const { walk, hosts } = play(script);
  const version = parseContainerdVersion(script.version ?? "2.1.9");
  const image = parseImageReference("gcr.io/team/app:1");
  assert.ok(version && image.ok);
  const summary = sumUpWalk(walk, { hosts, traits: traitsOf(version), pullMode: "transfer" });
  return judgeWalk({ namespace: "gcr.io", image: image.reference, hosts }, hosts, summary);
}

const told = ({ troubles }: JudgedWalk): readonly string[] =>
  troubles.map(({ code, severity, hop }) => `${severity} ${code} (${hop})`);
const withMirror = (part: Part, more: Partial<Play> = {}) =>
  judge({ hosts: { "m:5000": part, "gcr.io": serves }, ...more });

test("a mirror that serves is no finding, and the registry behind it is not asked about", () => {
  assert.deepEqual(withMirror(serves), { troubles: [], notChecked: [] });
  assert.deepEqual(
    judge({ hosts: { "m:5000": serves, "gcr.io": always(["connect", "refused"]) } }).troubles,
    [],
  );
});

test("each way to fail has its finding", () => {
  const cases: readonly (readonly [FailurePhase, FailureCode, string])[] = [
    ["dns", "no-such-host", "host-name-unresolved"],
    ["dns", "no-name-server", "host-name-unresolved"],
    ["connect", "refused", "host-unreachable"],
    ["connect", "no-route", "host-unreachable"],
    ["connect", "connect-timeout", "host-silent"],
    ["http", "no-answer", "host-silent"],
    ["connect", "proxy-refuses", "proxy-blocks-host"],
    ["tls", "unknown-authority", "server-certificate-untrusted"],
    ["tls", "wrong-authority", "server-certificate-untrusted"],
    ["tls", "name-not-covered", "server-certificate-wrong-name"],
    ["tls", "common-name-only", "server-certificate-wrong-name"],
    ["tls", "expired", "server-certificate-expired"],
    ["tls", "not-yet-valid", "server-certificate-not-yet-valid"],
    ["tls", "wants-client-certificate", "tls-handshake-fails"],
    ["tls", "speaks-http", "host-speaks-http"],
    ["http", "closed", "host-closes-connection"],
    ["token", "token-unreachable", "token-service-fails"],
    ["token", "no-token", "token-service-fails"],
    ["http", "redirect-loop", "redirect-leads-nowhere"],
  ];
  for (const [phase, failure, code] of cases) {
    const { troubles } = withMirror(always([phase, failure]));
    assert.deepEqual(
      troubles.map((one) => [one.code, one.severity, one.url]),
      [[code, "error", "https://m:5000/v2"]],
      failure,
    );
  }
});

test("each answer that does not do has its finding, with the request and the image", () => {
  const cases: readonly (readonly [Part, string])[] = [
    [always({ status: 403 }), "error host-forbids (resolve at the mirror)"],
    [always({ status: 429 }), "error host-limits-rate (resolve at the mirror)"],
    [always({ status: 503 }), "error host-server-error (resolve at the mirror)"],
    [always({ status: 400 }), "error answer-unusable (resolve at the mirror)"],
    [always({ status: 401 }), "warning host-wants-login (resolve at the mirror)"],
    [always({ status: 401, refused: true }), "error host-refuses-login (resolve at the mirror)"],
    [always({ status: 404 }), "warning image-not-on-host (resolve at the mirror)"],
    [always({ status: 304 }), "error redirect-leads-nowhere (resolve at the mirror)"],
    [on("HEAD", { digest: "sha256:abc" }), "error wrong-digest (resolve at the mirror)"],
    [on("HEAD", { type: "application/json" }), "error wrong-content-type (resolve at the mirror)"],
    [on("HEAD", { type: "text/html" }), "error web-page-for-image (resolve at the mirror)"],
    [on("blobs", { status: 404 }), "warning image-not-on-host (blob at the mirror)"],
    [
      on("blobs", { body: "other bytes of another length than that" }),
      "error content-cut-short (blob at the mirror)",
    ],
    [on("blobs", { end: "cut" }), "error content-cut-short (blob at the mirror)"],
    [on("HEAD", { type: "text/plain" }), "error image-too-old (resolve at the mirror)"],
  ];
  for (const [part, expected] of cases) {
    const judged = withMirror(part);
    assert.deepEqual(told(judged), [expected]);
    const [trouble] = judged.troubles;
    assert.match(trouble?.url ?? "", /^https:\/\/m:5000\/v2\/team\/app\/(manifests|blobs)\/[^?]+$/);
    assert.match(trouble?.fact ?? "", /\(asked for gcr\.io\/team\/app:1\)$/);
  }
});

test("an image for other machines has nothing that a mirror could serve better", () => {
  const other = buildImage({ platforms: ["windows/amd64", "plan9/mips"] });
  assert.deepEqual(told(withMirror(serves, { image: other })), [
    "error no-such-platform (manifest at the mirror)",
  ]);
});

test("what it means is what explain foresees", () => {
  const consequence = (part: Part, version = "2.1.9") =>
    withMirror(part, { version }).troubles[0]?.consequence ?? "";
  assert.match(
    consequence(always({ status: 500 })),
    /asks the next host, gcr\.io: the pull comes from the upstream/,
  );
  assert.match(consequence(on("HEAD", { type: "text/html" })), /the pull fails here/);
  assert.match(consequence(always(["http", "no-answer"]), "2.2.7"), /waits for it without limit/);
  assert.match(consequence(always(["http", "no-answer"]), "2.3.4"), /waits 30 s/);
});

test("a second mirror that fails while the first serves is a warning", () => {
  const second = judge({ hosts: { a: serves, b: always(["connect", "refused"]), "gcr.io": serves } });
  assert.deepEqual(told(second), ["warning host-unreachable (resolve at mirror 2 of 2)"]);
  const first = judge({ hosts: { a: always(["connect", "refused"]), b: serves, "gcr.io": serves } });
  assert.deepEqual(told(first), ["warning host-unreachable (resolve at mirror 1 of 2)"]);
  const missing = judge({ hosts: { a: always({ status: 404 }), b: serves, "gcr.io": serves } });
  assert.deepEqual(missing.troubles, [], "one mirror after another is a design");
});

test("the registry itself matters where it is needed and fails", () => {
  const both = judge({
    hosts: { "m:5000": always({ status: 404 }), "gcr.io": always(["connect", "refused"]) },
  });
  assert.deepEqual(told(both), [
    "warning image-not-on-host (resolve at the mirror)",
    "error host-unreachable (resolve at the upstream)",
  ]);
  const limited = judge({ hosts: { "m:5000": always({ status: 404 }), "gcr.io": always({ status: 429 }) } });
  assert.deepEqual(told(limited)[1], "error upstream-limits-rate (resolve at the upstream)");
  const login = judge({ hosts: { "m:5000": always({ status: 404 }), "gcr.io": always({ status: 401 }) } });
  assert.equal(login.troubles.length, 1, "pull secrets are not known here");
  const lacks = judge({ hosts: { "m:5000": always({ status: 500 }), "gcr.io": always({ status: 404 }) } });
  assert.deepEqual(
    told(lacks),
    ["error host-server-error (resolve at the mirror)"],
    "what it lacks is not its fault",
  );
});

test("an image that nobody has any more says nothing of the hosts", () => {
  const gone = judge({ hosts: { "m:5000": always({ status: 404 }), "gcr.io": always({ status: 404 }) } });
  assert.deepEqual(gone.troubles, []);
  assert.match(gone.notChecked[0]?.why ?? "", /no host has gcr\.io\/team\/app:1 any more/);
});

test("what cannot be asked as containerd would is not checked", () => {
  const { troubles, notChecked } = withMirror(always(["connect", "socks-proxy"]));
  assert.deepEqual(troubles, []);
  assert.match(notChecked[0]?.what ?? "", /pulls of gcr\.io/);
});

test("one dead mirror of many registries is one finding", () => {
  const { troubles } = withMirror(always(["connect", "refused"]));
  const names = ["gcr.io", "quay.io", "ghcr.io", "docker.io", "registry.k8s.io", "*"];
  const findings = mergeTroubles(
    troubles.flatMap((trouble) => names.map((namespace) => ({ ...trouble, namespace }))),
  );
  assert.equal(findings.length, 1);
  assert.match(
    findings[0]?.consequence ?? "",
    /^pulls of gcr\.io, quay\.io, ghcr\.io, docker\.io and 2 more: containerd asks/,
  );
});
