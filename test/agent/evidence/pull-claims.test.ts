import assert from "node:assert/strict";
import { test } from "node:test";
import { createPullClaims } from "../../../src/agent/evidence/pull-claims.ts";

function claimsAt() {
  const clock = { ms: 0 };
  return { clock, claims: createPullClaims({ uptimeMs: () => clock.ms }) };
}

test("each pull of the agent accounts for one that is seen, before or soon after its end", () => {
  const { clock, claims } = claimsAt();
  const end = claims.begin("nginx");
  assert.equal(claims.take("docker.io/library/nginx:latest", true), true);
  assert.equal(claims.take("docker.io/library/nginx:latest", true), false, "that is somebody else's");
  end(true);
  claims.begin("nginx")(true);
  clock.ms += 9_000;
  assert.equal(claims.take("docker.io/library/nginx:latest", true), true);
  claims.begin("nginx")(true);
  clock.ms += 11_000;
  assert.equal(claims.take("docker.io/library/nginx:latest", true), false, "too late");
});

test("a pull that failed does not account for one that went well", () => {
  const { claims } = claimsAt();
  claims.begin("gcr.io/a/b:1")(false);
  assert.equal(claims.take("gcr.io/a/b:1", true), false);
  assert.equal(claims.take("gcr.io/a/b:1", false), true);
});

test("pulls of others are remembered", () => {
  const { clock, claims } = claimsAt();
  clock.ms = 5_000;
  claims.take("gcr.io/a/b:1", true);
  assert.equal(claims.pulledByOthersSince("gcr.io/a/b:1", 5_000), true);
  assert.equal(claims.pulledByOthersSince("gcr.io/a/b:1", 5_001), false);
  assert.equal(claims.pulledByOthersSince("gcr.io/a/c:1", 0), false);
});
