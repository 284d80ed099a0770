import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { frontedRegistry } from "../support/fronted-registry.ts";
import { buildImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { layoutParts } from "../support/layout-parts.ts";
import { scratch } from "../support/opened-bundle.ts";
import { compress } from "../support/push-passing.ts";
import { tarOf } from "../support/tar.ts";
import { mirrorletEnvironment, mirrorletProgram } from "./support/mirrorlet.ts";

const skip = partSkipReason("docker-registry");
const { front } = await frontedRegistry(skip);

test("a push that ends takes nothing away from another one into the same namespace, nor leaves anything of its own", {
  skip,
}, async (t) => {
  const home = scratch(t);
  const image = buildImage({ layers: 3, bytesPerLayer: 100_000 });
  const tar = tarOf(layoutParts({ "gcr.io/slow:1": image }));
  const file = join(home, "b.tar.gz");
  writeFileSync(file, compress(tarOf(layoutParts({ "gcr.io/quick:1": image })), "gzip"));
  const begin = (source: string) => {
    const [program, ...first] = mirrorletProgram();
    const args = [...first, "push", source, "--to", `${front.host}/ns`, "--plain-http"];
    const child = spawn(program, args, { env: { ...mirrorletEnvironment, HOME: home } });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    const ended = new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
      child.on("close", (code) => resolve({ code, output }));
    });
    return { child, ended };
  };
  const staged = () =>
    front.requests().filter(({ method, path }) => method === "PUT" && path.includes("mirrorlet-staging"));

  const slow = begin("-");
  t.after(() => slow.child.kill("SIGKILL"));
  const end = tar.lastIndexOf("index.json\0");
  slow.child.stdin.write(tar.subarray(0, end));
  // The probe, too.
  for (let tries = 0; tries < 200 && staged().length < image.blobs.length + 1; tries++) await sleep(100);
  const quick = await begin(file).ended;
  assert.equal(quick.code, 0, quick.output);
  assert.match(
    quick.output,
    /The repository ns\/mirrorlet-staging\/[0-9a-f]{12},\s+which\s+layers.*is\s+empty/s,
  );
  slow.child.stdin.end(tar.subarray(end));
  const ended = await slow.ended;
  assert.equal(ended.code, 0, ended.output);

  front.clearRequests();
  const again = await begin(file).ended;
  assert.equal(again.code, 0, again.output);
  assert.doesNotMatch(again.output, /staging/, "nothing was staged, and nothing is left");
  const [state = ""] = readdirSync(join(home, ".local/state/mirrorlet/push")).filter((name) =>
    name.endsWith(".staging"),
  );
  const names = readdirSync(join(home, ".local/state/mirrorlet/push", state));
  assert.equal(names.length, 2, "free for the next");
  for (const name of names) assert.match(name, /^[0-9a-f]{12}$/);
});
