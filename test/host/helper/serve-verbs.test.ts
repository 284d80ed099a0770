import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { textIn, textsIn } from "../../../src/host/helper/read-args.ts";
import { serveVerbs } from "../../../src/host/helper/serve-verbs.ts";
import { type Answer, decodeLine, MAX_REQUEST_BYTES, PROTOCOL } from "../../../src/host/helper/wire.ts";

/** A helper with one verb, which takes what it is given as a verb of it would. */
async function startHelper(context: TestContext): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "mirrorlet-verbs-"));
  const socket = join(directory, "helper.sock");
  const server = createServer();
  const stop = serveVerbs(
    server,
    {
      take: {
        changes: false,
        run: async (args) =>
          args["texts"] === undefined
            ? textIn(args, "text", MAX_REQUEST_BYTES).length
            : textsIn(args, "texts", 3).length,
      },
    },
    { idleMs: undefined, onIdle() {} },
  );
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  context.after(async () => {
    await stop();
    rmSync(directory, { recursive: true });
  });
  return socket;
}

function ask(socket: string, line: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = "";
    const connection = connect(socket, () => connection.write(`${line}\n`));
    connection.setEncoding("utf8").on("error", reject);
    connection.on("data", (chunk) => {
      text += chunk;
    });
    connection.on("close", () => resolve(decodeLine(text.trimEnd()) as Answer));
  });
}

const request = (args: object): string => JSON.stringify({ protocol: PROTOCOL, verb: "take", args });

test("a request within its limit is carried out, one byte more is refused", async (context) => {
  const socket = await startHelper(context);
  for (const bytes of [MAX_REQUEST_BYTES - 1, MAX_REQUEST_BYTES, MAX_REQUEST_BYTES + 1]) {
    const room = bytes - request({ text: "" }).length;
    const answer = await ask(socket, request({ text: "x".repeat(room) }));
    assert.equal("ok" in answer && answer.ok, bytes <= MAX_REQUEST_BYTES, `${bytes} bytes`);
  }
});

test("lists and their texts have limits, too", async (context) => {
  const socket = await startHelper(context);
  const isTaken = async (texts: readonly string[]): Promise<boolean> => {
    const answer = await ask(socket, request({ texts }));
    return "ok" in answer && answer.ok;
  };
  for (const count of [2, 3, 4]) assert.equal(await isTaken(Array(count).fill("x")), count <= 3);
  for (const length of [4095, 4096, 4097]) assert.equal(await isTaken(["x".repeat(length)]), length <= 4096);
});
