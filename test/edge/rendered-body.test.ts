import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { renderSparingly } from "../../src/edge/rendered-body.ts";

/** A body that takes so long to make, on a clock that only making moves; each is another text. */
function bodyTaking(costMs: number, text = "") {
  let nowMs = 0;
  let made = 0;
  const body = renderSparingly(
    () => {
      nowMs += costMs;
      return { status: 200, text: `${++made}${text}` };
    },
    () => nowMs,
  );
  const get = async (encoding = "") => {
    const sent = await body.get({ headers: { "accept-encoding": encoding } });
    const packed = sent.headers["content-encoding"] === "gzip";
    return { ...sent, packed, text: Buffer.from(packed ? gunzipSync(sent.body) : sent.body).toString() };
  };
  return {
    get,
    expire: body.expire,
    wait(ms: number) {
      nowMs += ms;
    },
  };
}

test("what is cheap is made nearly always, what is dear once a second", async () => {
  const cheap = bodyTaking(1);
  assert.equal((await cheap.get()).text, "1");
  cheap.wait(50);
  assert.equal((await cheap.get()).text, "1");
  cheap.wait(1);
  assert.equal((await cheap.get()).text, "2");
  const dear = bodyTaking(200);
  await dear.get();
  dear.wait(1000);
  assert.equal((await dear.get()).text, "1");
  dear.wait(1);
  assert.equal((await dear.get()).text, "2");
});

test("who asks at the same time gets the same", async () => {
  const body = bodyTaking(10);
  const texts = await Promise.all(Array.from({ length: 20 }, async () => (await body.get()).text));
  assert.deepEqual(new Set(texts), new Set(["1"]));
});

test("what has expired is made anew, however new it is", async () => {
  const body = bodyTaking(100);
  await body.get();
  body.expire();
  assert.equal((await body.get()).text, "2");
});

test("what could not be made is tried again by who asks next", async () => {
  let tries = 0;
  const body = renderSparingly(() => {
    if (++tries === 1) throw new Error("not now");
    return { status: 503, text: "ok" };
  });
  await assert.rejects(body.get({ headers: {} }), /not now/);
  assert.equal((await body.get({ headers: {} })).status, 503);
});

test("long bodies are packed for who takes that", async () => {
  const long = bodyTaking(1, "x".repeat(5000));
  for (const [encoding, packed] of [
    ["gzip", true],
    ["br, gzip;q=0.5", true],
    ["GZIP", true],
    ["", false],
    ["br", false],
    ["gzip;q=0", false],
    ["gzip; q=0.0, br", false],
    ["xgzip", false],
  ] as const) {
    const sent = await long.get(encoding);
    assert.deepEqual(
      [sent.packed, sent.text.length, sent.headers["vary"]],
      [packed, 5001, "accept-encoding"],
      encoding,
    );
  }
  assert.equal((await bodyTaking(1, "x").get("gzip")).packed, false);
});
