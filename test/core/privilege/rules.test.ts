import assert from "node:assert/strict";
import { test } from "node:test";
import { renderTracesFile } from "../../../src/core/containerd/tracing/traces-file.ts";
import { findWayBack, withChange, withoutChange } from "../../../src/core/privilege/change-chain.ts";
import { createdBy, mayDelete } from "../../../src/core/privilege/created-records.ts";
import { isOurTracesFile, isTracesDropIn } from "../../../src/core/privilege/judge-traces-file.ts";
import {
  allowanceMs,
  type Moment,
  spentAllowance,
  withMoment,
} from "../../../src/core/privilege/restart-allowance.ts";

const good = renderTracesFile("drop-in", "http://127.0.0.1:9478/v1/traces");

test("a drop-in is ours as we render it for this node, and nothing else", () => {
  assert(isOurTracesFile("drop-in", good));
  assert(isOurTracesFile("drop-in", renderTracesFile("drop-in", "http://[::1]:9478/v1/traces")));
  assert(
    isOurTracesFile("environment-file", renderTracesFile("environment-file", "http://127.0.0.1:1/v1/traces")),
  );
  const naughty = [
    "",
    `${good}ExecStartPre=/bin/sh -c id\n`,
    `${good}\n[Service]\nExecStart=\n`,
    good.replace("[Service]", "[Service]\nUser=nobody"),
    good.replace("9478/v1/traces", "9478/v1/traces\\\nExecStart=/bin/sh"),
    good.replace("127.0.0.1", "10.0.0.1"),
    good.replace("127.0.0.1", "127.0.0.1.evil.example"),
    good.replace("http://", "http://u@"),
    good.replace(":9478", ":0"),
    good.replace(":9478", ""),
    good.replace("/v1/traces", "/v1/traces%0aX"),
    good.replace("Environment=OTEL_TRACES_SAMPLER", "Environment=LD_PRELOAD=/x OTEL_TRACES_SAMPLER"),
    good.replace("# Owned", "# owned"),
    good.slice(0, -1),
    `${good}\0`,
    renderTracesFile("environment-file", "http://127.0.0.1:9478/v1/traces"),
  ];
  for (const text of naughty) assert.equal(isOurTracesFile("drop-in", text), false, text);
});

test("drop-ins are those of services, at the one place", () => {
  assert(isTracesDropIn("/etc/systemd/system/containerd.service.d/50-mirrorlet-traces.conf"));
  for (const path of [
    "/etc/systemd/system/../../x.service.d/50-mirrorlet-traces.conf",
    "/etc/systemd/system/x.socket.d/50-mirrorlet-traces.conf",
    "/etc/systemd/system/x.service.d/override.conf",
    "/run/systemd/system/x.service.d/50-mirrorlet-traces.conf",
    "/etc/systemd/system/x.service.d/a/50-mirrorlet-traces.conf",
    "/etc/systemd/system/50-mirrorlet-traces.conf",
  ])
    assert.equal(isTracesDropIn(path), false, path);
});

test("the way back is open through our own changes only", () => {
  const first = withChange([], { before: null, after: "b" });
  const both = withChange(first, { before: "b", after: "c" });
  assert.equal(findWayBack(both, "c", null)?.after, "b");
  assert.equal(findWayBack(both, "c", "b")?.after, "c");
  assert.equal(findWayBack(both, "theirs", "b"), undefined);
  assert.equal(findWayBack(both, "c", "older"), undefined);
  const anew = withChange(both, { before: "theirs", after: "d" });
  assert.equal(findWayBack(anew, "d", "b"), undefined);
  assert.equal(findWayBack(anew, "d", "theirs")?.after, "d");
  const back = findWayBack(both, "c", "b");
  assert(back !== undefined);
  assert.deepEqual(withoutChange(both, back), first);
});

test("a change that was cut off before it was made breaks no chain", () => {
  const noted = withChange(withChange([], { before: "a", after: "b" }), { before: "b", after: "c" });
  assert.equal(findWayBack(noted, "b", "a")?.after, "b");
  assert.equal(withChange(noted, { before: "b", after: "c" }).length, 2);
});

test("however often it asks, a restart comes three times a minute, and once more after something was put back", () => {
  let restarts: readonly Moment[] = [];
  let done = 0;
  for (let ms = 0; ms < 60_000; ms += 100) {
    const now = { bootId: "a", uptimeMs: ms };
    if (allowanceMs(restarts, now, false) > 0) continue;
    done++;
    restarts = withMoment(restarts, now);
  }
  assert.equal(done, 3);
  const later = { bootId: "a", uptimeMs: 59_000 };
  assert.equal(allowanceMs(restarts, later, true), 0);
  assert(allowanceMs(withMoment(restarts, later), later, true) > 0);
});

test("an hour has eleven and the one that is kept; a lost memory leaves the way back alone", () => {
  let restarts: readonly Moment[] = [];
  let done = 0;
  for (let ms = 0; ms < 3_600_000; ms += 1000) {
    const now = { bootId: "a", uptimeMs: ms };
    if (allowanceMs(restarts, now, false) > 0) continue;
    done++;
    restarts = withMoment(restarts, now);
  }
  assert.equal(done, 11);
  const now = { bootId: "b", uptimeMs: 5 };
  assert(allowanceMs(spentAllowance(now), now, false) > 0);
  assert.equal(allowanceMs(spentAllowance(now), now, true), 0);
});

test("only records that came with a pull, and stand for the same still, may be deleted", () => {
  const reference = { normalized: "gcr.io/a/b:1", namespace: "gcr.io", repository: "a/b" };
  const after = [
    { name: "gcr.io/a/b:1", target: "sha256:m" },
    { name: "gcr.io/a/b@sha256:m", target: "sha256:m" },
    { name: "sha256:config", target: "sha256:m" },
    { name: "gcr.io/a/b:other", target: "sha256:m" },
    { name: "docker.io/x/y:1", target: "sha256:z" },
  ];
  const created = createdBy(reference, new Set(["docker.io/x/y:1", "sha256:config"]), after);
  assert.deepEqual(
    created.map(({ name }) => name),
    ["gcr.io/a/b:1", "gcr.io/a/b@sha256:m"],
  );
  assert.deepEqual(createdBy(reference, new Set(["gcr.io/a/b:1"]), after), []);
  assert(mayDelete(["gcr.io/a/b:1"], created, after));
  assert(mayDelete(["gcr.io/a/b:1"], created, []));
  assert.equal(mayDelete(["gcr.io/a/b:1", "docker.io/x/y:1"], created, after), false);
  assert.equal(mayDelete(["gcr.io/a/b:1"], created, [{ name: "gcr.io/a/b:1", target: "sha256:new" }]), false);
});
