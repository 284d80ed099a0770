import assert from "node:assert/strict";
import { chmod, chown, lchown, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type SignedState, writeSignedState } from "../../../src/core/signing/signed-state.ts";
import { formatInlineKey } from "../../../src/core/signing/trusted-keys.ts";
import { PROTOCOL } from "../../../src/host/helper/wire.ts";
import { DAY, envelopeOf, sha256, signDocument, signedState, testKey } from "../../core/signing/sign.ts";
import { atEnd } from "../../support/at-end.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startScriptedFeed } from "../../support/scripted-feed.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";
import { shareDaemons } from "../support/shared-daemons.ts";
import { authorization, credential, dockerConfig, native } from "../support/site.ts";
import { agentUser, prepareSeparatedNode, privsepSkipReason } from "./separated-node.ts";

const anna = testKey(1);
const skip = privsepSkipReason || labSkipReason() || false;

test("without root: the key is the group's to read, and the helper reads what signed documents of the feed name", {
  skip,
}, async (t) => {
  const ca = await createCa();
  const feed = await startScriptedFeed({ server: await ca.issueServer(), clientCa: ca.cert });
  atEnd(t, () => feed.stop());
  const mirror = await startScriptedRegistry();
  atEnd(t, () => mirror.stop());
  const daemons = shareDaemons({});
  atEnd(t, () => daemons.stop());
  const node = await prepareSeparatedNode(await daemons.get("2.1"), { settings: { preflight: '"off"' } });
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
  const helper = await node.startHelper();
  atEnd(t, () => helper.stop());
  const agent = await node.startSeparatedAgent();
  atEnd(t, () => agent.stop());
  // 0600 and root's: it says what is wrong, and goes on as it is.
  await agent.until("the complaint", async () => /no feed: .*feed\.key.*cannot be read/.test(agent.log()));
  await chown(paths.key, 0, agentUser.gid);
  await chmod(paths.key, 0o640);
  await agent.until("the feed", async () => feed.streams.length > 0);
  const login = join(node.dir, "pull.json");
  await writeFile(login, dockerConfig(new URL(mirror.url).host, credential), { mode: 0o600 });
  const entry = { endpoint: mirror.url, hosts: ["gcr.io"], allowInsecureCredentials: true };
  const sign = (signer: typeof anna, named: string, more: Partial<SignedState> = {}) => {
    const desiredState = native([{ ...entry, pullCredentialConfigPath: named }]);
    const state = signedState({ expiresMs: Date.now() + DAY, desiredState, ...more });
    const digest = sha256(envelopeOf(writeSignedState(state), [signer]).payload);
    return { digest, envelope: Buffer.from(signDocument(state, [signer])) };
  };
  const readByHelper = async (path: string): Promise<boolean> => {
    const request = JSON.stringify({ protocol: PROTOCOL, verb: "read", args: { path } });
    const [answer = "{}"] = await node.speakAsAgent([`${request}\n`]);
    return JSON.parse(answer).ok === true;
  };
  assert.equal(await readByHelper(login), false);
  const { digest, envelope } = sign(anna, login);
  const assign = (assignmentId: string, mode: "MODE_PREFLIGHT" | "MODE_APPLY") =>
    feed.streams.at(-1)?.send({
      assignment: { assignmentId, mode, digest: Buffer.from(digest, "hex"), envelope },
    });
  assign("p", "MODE_PREFLIGHT");
  await feed.streams.at(-1)?.report(({ phase, error }) => {
    assert.notEqual(phase, "PHASE_PREFLIGHT_FAILED", error?.message);
    return phase === "PHASE_PREFLIGHT_OK";
  });
  assign("a", "MODE_APPLY");
  const soaked = await feed.streams.at(-1)?.report(({ phase }) => phase === "PHASE_SOAKED");
  assert.equal(soaked?.state?.runningDigest.toString("hex"), digest);
  const hosts = await readFile(join(node.daemon.certsD, "gcr.io/hosts.toml"), "utf8");
  assert.ok(hosts.includes(authorization(credential)));
  const directory = join(node.stateDir, "feed");
  const kept = await stat(join(directory, `${digest}.signed.json`));
  assert.deepEqual([kept.uid, kept.mode & 0o777], [agentUser.uid, 0o600]);

  // Somebody has become the agent's user: what nobody has signed for this node names nothing to the helper.
  const secret = join(node.dir, "secret");
  await writeFile(secret, "root's own", { mode: 0o600 });
  for (const other of [sign(testKey(66), secret), sign(anna, secret, { fleet: "test" })]) {
    const path = join(directory, `${other.digest}.signed.json`);
    await writeFile(path, other.envelope);
    await chown(path, agentUser.uid, agentUser.gid);
    assert.equal(await readByHelper(secret), false);
  }
  const good = sign(anna, secret);
  await node.put("elsewhere.json", good.envelope);
  const link = join(directory, `${good.digest}.signed.json`);
  await symlink(join(node.dir, "elsewhere.json"), link);
  await lchown(link, agentUser.uid, agentUser.gid);
  assert.equal(await readByHelper(secret), false, "its user's link to a file of root's is not followed");
  assert.equal(await readByHelper(login), true);
});
