import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { Ports } from "../../src/agent/ports.ts";
import { explainDeps } from "../../src/program/compose-explain.ts";
import type { NodeSetup } from "../../src/program/compose-node.ts";
import { nobody, nobodySkipReason } from "../support/client-as-nobody.ts";

const program = `
const server = require("node:http").createServer((_request, response) => response.end('{"recentPulls":[]}'));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

for (const [who, uid, isBelieved] of [
  ["root", 0, true],
  ["another user, in the place of an agent that is down,", nobody, false],
] as const)
  test(`a status that ${who} tells is ${isBelieved ? "believed" : "not believed"}`, {
    skip: nobodySkipReason,
  }, async (t) => {
    const child = spawn(process.execPath, ["-e", program], {
      uid,
      gid: uid,
      cwd: "/",
      env: {},
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill());
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    const address = `127.0.0.1:${String(port).trim()}`;
    const config = { http: { address }, containerd: { socket: "", config: "" } };
    const setup = { config, root: "" } as unknown as NodeSetup;
    const document = await explainDeps(setup, {} as Ports).agentStatus();
    assert.deepEqual(document, isBelieved ? { recentPulls: [] } : undefined);
  });
