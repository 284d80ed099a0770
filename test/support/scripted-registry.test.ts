import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import { buildImage } from "./image.ts";
import { type Behaviour, startScriptedRegistry } from "./scripted-registry.ts";
import { createCa } from "./tls.ts";

const image = buildImage({ bytesPerLayer: 5000 });
const [config, layer] = image.blobs;

test("serves tags and digests under any path prefix, and 404 for the rest", async (context) => {
  const registry = await started(context);
  for (const path of [
    "/v2/team/app/manifests/1",
    "/cache/v2/team/app/manifests/1",
    "/v2/x/team/app/manifests/1",
  ]) {
    const response = await fetch(registry.url + path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("docker-content-digest"), image.digest);
    await response.arrayBuffer();
  }
  assert.equal((await fetch(`${registry.url}/v2/team/other/manifests/1`)).status, 404);
  const last = registry.requests().at(-1);
  assert.deepEqual([last?.path, last?.status], ["/v2/team/other/manifests/1", 404]);
});

test("the first rule that fits counts, as often as it says", async (context) => {
  const registry = await started(context);
  registry.script(
    { method: "HEAD", does: { kind: "status", status: 403 } },
    { path: /\/blobs\//, times: 2, does: { kind: "status", status: 500 } },
  );
  const statuses = [];
  for (const method of ["HEAD", "GET", "GET", "GET"])
    statuses.push((await fetch(blobUrl(registry.url), { method })).status);
  assert.deepEqual(statuses, [403, 500, 500, 200]);
});

test("html, changed headers, changed body", async (context) => {
  const registry = await started(context);
  const get = async (does: Behaviour) => {
    registry.script({ does });
    const response = await fetch(blobUrl(registry.url));
    return { headers: response.headers, body: await response.text() };
  };
  assert.match((await get({ kind: "html" })).body, /<html>/);
  const { headers } = await get({
    kind: "headers",
    headers: { "docker-content-digest": undefined, "content-type": "text/plain" },
  });
  assert.equal(headers.get("docker-content-digest"), null);
  assert.equal(headers.get("content-type"), "text/plain");
  const short = await get({ kind: "body", change: (bytes) => bytes.subarray(0, 3) });
  assert.equal(short.headers.get("content-length"), "3");
  assert.equal(short.body.length, 3);
});

for (const scheme of ["http", "https"] as const) {
  test(`close, reset, cut, hang and stall over ${scheme}`, async (context) => {
    const ca = await createCa();
    const registry = await started(context, scheme === "https" ? await ca.issueServer() : undefined);
    const outcome = (does: Behaviour): Promise<string> => {
      registry.script({ does });
      return scheme === "https"
        ? httpsOutcome(blobUrl(registry.url), ca.cert)
        : httpOutcome(blobUrl(registry.url));
    };
    assert.match(await outcome({ kind: "close" }), /socket|other side closed|ECONNRESET/);
    assert.match(await outcome({ kind: "reset" }), /ECONNRESET/);
    assert.match(await outcome({ kind: "cut", afterBytes: 10 }), /terminated|aborted|other side closed/);
    assert.match(await outcome({ kind: "hang" }), /timeout/i);
    assert.match(await outcome({ kind: "stall", afterBytes: 10 }), /timeout/i);
    assert.deepEqual(
      registry.requests().map(({ status }) => status),
      [0, 0, 200, 0, 200],
    );
  });
}

async function started(
  context: { after(fn: () => Promise<void>): void },
  tls?: { cert: string; key: string },
) {
  const registry = await startScriptedRegistry(tls === undefined ? {} : { tls });
  context.after(() => registry.stop());
  registry.put("team/app", "1", image);
  return registry;
}

function blobUrl(url: string): string {
  return `${url}/v2/team/app/blobs/${(layer ?? config)?.digest}`;
}

async function httpOutcome(url: string): Promise<string> {
  try {
    await (await fetch(url, { signal: AbortSignal.timeout(300) })).arrayBuffer();
    return "complete";
  } catch (error) {
    return `${error} ${(error as { cause?: unknown }).cause}`;
  }
}

function httpsOutcome(url: string, ca: string): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(url, { ca, agent: false, timeout: 300 }, (response) => {
      response.on("error", (error) => resolve(String(error)));
      response.on("end", () => resolve("complete")).resume();
    });
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.on("error", (error) => resolve(String(error) + (error as NodeJS.ErrnoException).code));
    sent.end();
  });
}
