import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { createConnectionPool } from "../../../src/bundle/registry/connection-pool.ts";
import type { OutgoingBody } from "../../../src/bundle/registry/send-body.ts";
import { createSendRequest, type Reply } from "../../../src/bundle/registry/send-request.ts";
import { startServer } from "../../support/lab-server.ts";

const MIB = 1024 * 1024;

/** Sends a body to a server that takes all of it; `onData`: when it has got so many bytes. Only the test lets time go by. */
async function send(
  context: TestContext,
  body: OutgoingBody,
  onData: (bytes: number) => void = () => {},
): Promise<Reply> {
  const server = await startServer((request: IncomingMessage, response: ServerResponse) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      onData(bytes);
    });
    request.on("end", () => response.writeHead(201).end());
  }, undefined);
  context.after(server.close);
  const url = new URL(server.url);
  const { signal } = new AbortController();
  const pool = createConnectionPool({
    registry: url,
    tls: { skipVerify: false },
    environment: {},
    root: "",
    signal,
  });
  context.after(pool.close);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  return createSendRequest(pool, signal)({ method: "PUT", url, body, answerMs: 3_600_000 });
}

test("a source that pauses for minutes within a body: nobody is to blame, and the rest is sent", async (context) => {
  const half = 200_000;
  let arrived = (): void => {};
  const hasArrived = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const body = {
    length: 2 * half,
    async *open() {
      yield Buffer.alloc(half);
      await hasArrived;
      context.mock.timers.tick(300_000);
      yield Buffer.alloc(half);
    },
  };
  const reply = await send(context, body, (bytes) => {
    if (bytes >= half) arrived();
  });
  assert.equal(reply.status, 201);
});

test("a slow link gets a large piece through, as long as it moves", async (context) => {
  const length = 32 * MIB;
  let ticked = 0;
  // 100 KiB/s: five minutes in all.
  const reply = await send(context, { length, open: () => [Buffer.alloc(length)] }, (bytes) => {
    for (; ticked < Math.floor(bytes / MIB); ticked++) context.mock.timers.tick(10_000);
  });
  assert.equal(reply.status, 201);
  assert.equal(ticked, 32);
});

test("a server that takes no more for a minute ends it", async (context) => {
  const length = 64 * MIB;
  const sending = send(context, { length, open: () => [Buffer.alloc(length)] }, () => {
    context.mock.timers.tick(61_000);
  });
  await assert.rejects(sending, /no answer|does not answer/i);
});
