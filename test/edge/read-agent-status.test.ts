import assert from "node:assert/strict";
import { test } from "node:test";
import { readAgentStatus } from "../../src/edge/read-agent-status.ts";
import { startServer } from "../support/lab-server.ts";

test("the agent's document, from where it listens; nothing from anybody else", async (t) => {
  let answer = '{"schema":"mirrorlet.status/v1"}';
  let status = 200;
  const server = await startServer(({ url }, response) => {
    response.writeHead(url === "/status.json" ? status : 404).end(answer);
  }, undefined);
  t.after(() => server.close());
  const port = server.host.split(":")[1];
  for (const address of [server.host, `0.0.0.0:${port}`])
    assert.deepEqual(await readAgentStatus(address), { schema: "mirrorlet.status/v1" });
  answer = "<html>";
  assert.equal(await readAgentStatus(server.host), undefined);
  [answer, status] = ["{}", 404];
  assert.equal(await readAgentStatus(server.host), undefined);
  assert.equal(await readAgentStatus("127.0.0.1:9"), undefined);
  assert.equal(await readAgentStatus("127.0.0.1:0"), undefined);
});

test("an agent that hangs is not waited for", async (t) => {
  const server = await startServer(() => undefined, undefined);
  t.after(() => server.close());
  assert.equal(await readAgentStatus(server.host), undefined);
});
