import assert from "node:assert/strict";
import { test } from "node:test";
import { gatherImages } from "../../../src/bundle/download/gather-images.ts";
import { connectRegistry } from "../../../src/bundle/registry/connect-registry.ts";
import { createRetrier, ExhaustedError } from "../../../src/bundle/registry/retrier.ts";
import { createLanes } from "../../../src/core/bundle/push/lanes.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";

const BUSY = { does: { kind: "status", status: 503 } } as const;
const BROKEN = { path: /\/0\//, does: { kind: "status", status: 500 } } as const;

for (const [what, rule, mostRequests] of [
  ["a registry that is gone for minutes is waited for once, not for each image", BUSY, 8],
  ["what breaks for one image alone is waited for there, and the others are asked for", BROKEN, 8 + 99],
] as const)
  test(what, async (t) => {
    const scripted = await startScriptedRegistry();
    t.after(() => scripted.stop());
    scripted.script(rule);
    const { signal } = new AbortController();
    let clock = 0;
    const { link, close } = connectRegistry({
      url: new URL(scripted.url),
      tls: { skipVerify: false },
      loginFor: async () => undefined,
      environment: {},
      root: "/",
      now: Date.now,
      signal,
    });
    t.after(close);
    const source = {
      host: "gcr.io",
      link,
      ways: { listsThem: undefined },
      repositoryOf: (name: string) => name,
    };
    const names = Array.from({ length: 100 }, (_, at) => `gcr.io/a/${at}/b:1`);
    const { failures } = await gatherImages(
      names,
      { platforms: [], withReferrers: false },
      {
        sourceFor: async () => source,
        retrier: createRetrier({
          now: () => (clock += 30_000),
          random: () => 0,
          pause: async () => {},
          onRetry: () => {},
        }),
        lanes: createLanes(1),
        signal,
      },
    );
    assert.equal(failures.length, 100);
    assert.ok(failures[0]?.error instanceof ExhaustedError);
    assert.equal(scripted.requests().length, mostRequests);
  });
