import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { startCraneRegistry } from "../support/crane-registry.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { scratch } from "../support/opened-bundle.ts";
import { copyImage, pushImage } from "../support/push-image.ts";
import { startRegistry } from "../support/registry.ts";
import { mirrorletEnvironment, mirrorletProgram } from "./support/mirrorlet.ts";

test("dump into push, to a registry that never mounts: nothing on disk, and every image by its digest", {
  skip: partSkipReason("docker-registry") ?? partSkipReason("crane"),
}, async (context) => {
  const source = await startRegistry();
  context.after(() => source.stop());
  const target = await startCraneRegistry();
  context.after(() => target.stop());
  const large = await pushImage(source, "a/large", "1", { layers: 2, bytesPerLayer: 7_000_000 });
  await copyImage(source, "b/large", "1", large);
  const list = await pushImage(source, "a/list", "1", {
    platforms: ["linux/amd64", "linux/arm64"],
    bytesPerLayer: 100_000,
  });
  const images = { "a/large": large, "b/large": large, "a/list": list };
  const program = mirrorletProgram().join(" ");
  const names = Object.keys(images).map((path) => `gcr.io/${path}:1`);
  const line = [
    `${program} dump ${names.join(" ")} --from ${source.host} --plain-http -o -`,
    `${program} push - --to ${new URL(target.url).host}/site --plain-http`,
  ].join(" | ");
  const env = { ...mirrorletEnvironment, HOME: scratch(context) };
  const ended = await new Promise<{ readonly ok: boolean; readonly output: string }>((resolve) =>
    execFile("bash", ["-o", "pipefail", "-c", line], { env }, (error, stdout, stderr) =>
      resolve({ ok: error === null, output: stdout + stderr }),
    ),
  );
  assert.ok(ended.ok, ended.output);
  assert.match(ended.output, /^3 images pushed to /m);
  for (const [path, { digest, mediaType }] of Object.entries(images)) {
    const reply = await fetch(`${target.url}/v2/site/${path}/manifests/1`, {
      headers: { accept: mediaType },
    });
    assert.equal(reply.headers.get("docker-content-digest"), digest, path);
  }
});
