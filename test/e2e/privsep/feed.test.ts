import assert from "node:assert/strict";
import { chmod, chown, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeSignedState } from "../../../src/core/signing/signed-state.ts";
import { formatInlineKey } from "../../../src/core/signing/trusted-keys.ts";
import { DAY, envelopeOf, sha256, signDocument, signedState, testKey } from "../../core/signing/sign.ts";
import { atEnd } from "../../support/at-end.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startScriptedFeed } from "../../support/scripted-feed.ts";
import { createCa } from "../../support/tls.ts";
import { shareDaemons } from "../support/shared-daemons.ts";
import { native } from "../support/site.ts";
import { agentUser, prepareSeparatedNode, privsepSkipReason } from "./separated-node.ts";

const anna = testKey(1);
const skip = privsepSkipReason || labSkipReason() || false;

test("without root: the key is root's and the agent's group may read it; nobody else's key is taken", {
  skip,
}, async (t) => {
  const ca = await createCa();
  const feed = await startScriptedFeed({ server: await ca.issueServer(), clientCa: ca.cert });
  atEnd(t, () => feed.stop());
  const daemons = shareDaemons({});
  atEnd(t, () => daemons.stop());
  const node = await prepareSeparatedNode(await daemons.get("2.1"), { settings: { preflight: '"off"' } });
  const helper = await node.startHelper();
  atEnd(t, () => helper.stop());
  const { cert, key } = await ca.issueClient("n1", { uri: "spiffe://example.org/node/n1" });
  const paths = {
    ca: await node.put("feed-ca.pem", ca.cert),
    cert: await node.put("feed.pem", cert),
    key: await node.put("feed.key", key),
  };
  for (const path of [paths.ca, paths.cert]) await chmod(path, 0o644);
  const lines = Object.entries(paths).map(([name, path]) => `${name} = ${JSON.stringify(path)}\n`);
  const more = `[feed]\naddress = "127.0.0.1:${feed.port}"\n${lines.join("")}[trust]\nkeys = ["${formatInlineKey(anna.raw)}"]\n[node]\nid = "n1"\nfleet = "prod"\n`;
  await writeFile(node.agentToml, `${await readFile(node.agentToml, "utf8")}${more}`);
  const agent = await node.startSeparatedAgent();
  atEnd(t, () => agent.stop());
  // 0600 and root's: it says what is wrong, and goes on as it is.
  await agent.until("the complaint", async () => /no feed: .*feed\.key.*cannot be read/.test(agent.log()));
  await chown(paths.key, 0, agentUser.gid);
  await chmod(paths.key, 0o640);
  await agent.until("the feed", async () => feed.streams.length > 0);
  const state = signedState({
    expiresMs: Date.now() + DAY,
    desiredState: native([{ endpoint: "http://127.0.0.1:5000", hosts: ["gcr.io"] }]),
  });
  const digest = sha256(envelopeOf(writeSignedState(state), [anna]).payload);
  feed.streams.at(-1)?.send({
    assignment: {
      assignmentId: "a",
      mode: "MODE_APPLY",
      digest: Buffer.from(digest, "hex"),
      envelope: Buffer.from(signDocument(state, [anna])),
    },
  });
  const soaked = await feed.streams.at(-1)?.report(({ phase }) => phase === "PHASE_SOAKED");
  assert.equal(soaked?.state?.runningDigest.toString("hex"), digest);
  assert.match(await readFile(join(node.daemon.certsD, "gcr.io/hosts.toml"), "utf8"), /127\.0\.0\.1:5000/);
  const kept = await stat(join(node.stateDir, "feed", `${digest}.signed.json`));
  assert.deepEqual([kept.uid, kept.mode & 0o777], [agentUser.uid, 0o600]);
});
