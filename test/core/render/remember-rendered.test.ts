import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import { atOnce } from "../../../src/core/gradual.ts";
import { createRenderMemory, renderEach } from "../../../src/core/render/remember-rendered.ts";
import type { RenderContext } from "../../../src/core/render/render-registries.ts";
import { arbitraryDesiredState } from "../../agent/arbitrary-node.ts";
import { mirror, registry } from "../../agent/desired.ts";

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function contextFor(versionText: string, ...criHosts: readonly string[]): RenderContext {
  const version = parseContainerdVersion(versionText);
  assert.ok(version);
  return { certsD: "/etc/containerd/certs.d", version, digest, criCredentialHosts: new Set(criHosts) };
}

test("what is remembered is what would be rendered, whatever came before", () => {
  const contexts = fc.constantFrom(
    contextFor("1.6.20"),
    contextFor("2.1.9"),
    contextFor("2.1.9"),
    contextFor("2.1.9", "127.0.0.1:5002"),
    { ...contextFor("2.1.9"), witness: { address: "127.0.0.1:478", certificate: "one" } },
    { ...contextFor("2.1.9"), witness: { address: "127.0.0.1:478", certificate: "other" } },
  );
  const calls = fc.array(fc.tuple(arbitraryDesiredState(), contexts), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(calls, (each) => {
      const render = createRenderMemory();
      for (const [{ registries }, context] of each) {
        const parsedAnew = structuredClone(registries);
        const anew = renderEach(structuredClone(registries), context);
        assert.deepEqual(atOnce(render(parsedAnew, context)), atOnce(anew));
      }
    }),
  );
});

test("only what has changed is rendered again", () => {
  const render = createRenderMemory();
  const context = contextFor("2.1.9");
  const credential = { username: "puller", password: "old" };
  const wanted = (password: string) => [
    registry("gcr.io", [mirror("https://mirror.example", { credential })]),
    registry("quay.io", [mirror("https://mirror.example", { credential: { ...credential, password } })]),
  ];
  const [gcr, quay] = atOnce(render(wanted("old"), context));
  const [sameGcr, newQuay] = atOnce(render(wanted("new"), context));
  assert.equal(sameGcr, gcr);
  assert.notEqual(newQuay, quay);
});
