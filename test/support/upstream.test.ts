import assert from "node:assert/strict";
import { forEachGeneration, startContainerd } from "./containerd.ts";
import { buildImage } from "./image.ts";
import { startScriptedRegistry } from "./scripted-registry.ts";
import { createCa } from "./tls.ts";
import { startUpstream } from "./upstream.ts";

forEachGeneration(
  "a registry by its real name is reached through the proxy, and nobody else",
  async (generation, t) => {
    const ca = await createCa();
    const registry = await startScriptedRegistry({ tls: await ca.issueServer({ hosts: ["gcr.io"] }) });
    t.after(() => registry.stop());
    const upstream = await startUpstream(ca, { "gcr.io": registry.host });
    t.after(() => upstream.stop());
    const daemon = await startContainerd({ generation, ...upstream.daemonOptions });
    t.after(() => daemon.stop());
    registry.put("team/app", "1.0", buildImage());

    assert.deepEqual((await daemon.pull("gcr.io/team/app:1.0")).ok, true);
    assert.equal(registry.requests().length, 4);
    assert.ok(registry.requests().every(({ status, query }) => status === 200 && query["ns"] === undefined));

    assert.equal((await daemon.pull("quay.io/team/app:1.0")).ok, false);
    assert.deepEqual(
      [...new Set(upstream.contacts().map(({ target }) => target))],
      ["gcr.io:443", "quay.io:443"],
    );
    assert.equal(registry.requests().length, 4);
  },
);
