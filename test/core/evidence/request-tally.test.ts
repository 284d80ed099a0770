import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countRequest,
  createRequestTally,
  listRequestCounts,
} from "../../../src/core/evidence/request-tally.ts";
import { gcr, request } from "./support/evidence.ts";

const dockerIo = {
  namespace: "docker.io",
  mirrors: ["https://mirror:443/v2/hub", "http://plain:80", "http://plain:5000"],
  upstream: "allow",
} as const;

function hostsOf(tally: ReturnType<typeof createRequestTally>): readonly string[] {
  return [...new Set(listRequestCounts(tally).map(({ role, host }) => `${role} ${host}`))];
}

test("all that the configuration makes possible is there, at 0", () => {
  const counts = listRequestCounts(createRequestTally(dockerIo, undefined));
  assert.equal(counts.length, 4 * 3 * 5);
  assert.ok(counts.every(({ count }) => count === 0));
  assert.deepEqual(hostsOf(createRequestTally(dockerIo, undefined)), [
    "mirror mirror",
    "mirror plain",
    "mirror plain:5000",
    "upstream registry-1.docker.io",
  ]);
  assert.deepEqual(hostsOf(createRequestTally({ ...dockerIo, namespace: "*", mirrors: [] }, undefined)), []);
});

test("requests count by host, role, kind and class; unknown hosts together, the witness not at all", () => {
  const tally = createRequestTally(gcr, undefined);
  const { status: _, ...unanswered } = request();
  for (const one of [
    request(),
    request({ status: 206 }),
    request({ kind: "blob", status: 404 }),
    unanswered,
    request({ role: "upstream", host: "gcr.io", kind: "token", status: 401 }),
    request({ role: "upstream", host: "cdn-1.example", kind: "blob" }),
    request({ role: "upstream", host: "cdn-2.example", kind: "blob" }),
    request({ host: "gcr.io" }),
    request({ role: "witness", host: "127.0.0.1:478", status: 404 }),
  ])
    countRequest(tally, one);
  const seen = listRequestCounts(tally)
    .filter(({ count }) => count > 0)
    .map(({ role, host, kind, codeClass, count }) => [role, host, kind, codeClass, count].join(" "));
  assert.deepEqual(seen, [
    "mirror mirror:5000 manifest 2xx 2",
    "mirror mirror:5000 manifest error 1",
    "mirror mirror:5000 blob 4xx 1",
    "upstream gcr.io token 4xx 1",
    "upstream other blob 2xx 2",
    "mirror other manifest 2xx 1",
  ]);
});

test("hosts that stay keep their counts when the configuration changes", () => {
  const tally = createRequestTally(gcr, undefined);
  for (const host of ["mirror:5000", "elsewhere"]) countRequest(tally, request({ host }));
  const grown = createRequestTally({ ...gcr, mirrors: ["https://second", ...gcr.mirrors] }, tally);
  const seen = listRequestCounts(grown).filter(({ count }) => count > 0);
  assert.deepEqual(
    seen.map(({ host, count }) => [host, count]),
    [
      ["mirror:5000", 1],
      ["other", 1],
    ],
  );
  assert.ok(!hostsOf(createRequestTally({ ...gcr, mirrors: [] }, grown)).includes("mirror mirror:5000"));
});
