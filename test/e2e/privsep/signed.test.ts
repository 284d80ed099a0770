import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { formatInlineKey } from "../../../src/core/signing/trusted-keys.ts";
import { PROTOCOL } from "../../../src/host/helper/wire.ts";
import { DAY, signDocument, signedState, testKey } from "../../core/signing/sign.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import { shareDaemons } from "../support/shared-daemons.ts";
import { authorization, credential, dockerConfig, native } from "../support/site.ts";
import { prepareSeparatedNode, privsepSkipReason } from "./separated-node.ts";

const [anna, eve] = [testKey(1), testKey(66)];
const skip = privsepSkipReason || labSkipReason() || false;

test("without root: the helper reads what a signed state names, and nothing that an unsigned one does", {
  skip,
}, async (context) => {
  // The last one first: they have their files in the daemons' folder.
  const ends: (() => Promise<unknown>)[] = [];
  context.after(async () => {
    for (const end of ends.toReversed()) await end();
  });
  const mirror = await startScriptedRegistry();
  ends.push(() => mirror.stop());
  const daemons = shareDaemons({});
  ends.push(() => daemons.stop());
  const node = await prepareSeparatedNode(await daemons.get("2.1"), {
    settings: { "trust.keys": JSON.stringify([formatInlineKey(anna.raw)]), "node.fleet": '"prod"' },
  });
  const helper = await node.startHelper();
  ends.push(() => helper.stop());
  const login = join(node.dir, "pull.json");
  await writeFile(login, dockerConfig(new URL(mirror.url).host, credential), { mode: 0o600 });
  const entry = { endpoint: mirror.url, hosts: ["gcr.io"], allowInsecureCredentials: true };
  const desiredState = native([{ ...entry, pullCredentialConfigPath: login }]);
  const document = (key: typeof anna, serial: number) =>
    new TextDecoder().decode(
      signDocument(signedState({ desiredState, serial, expiresMs: Date.now() + DAY }), [key]),
    );
  const readByHelper = async (): Promise<boolean> => {
    const request = JSON.stringify({ protocol: PROTOCOL, verb: "read", args: { path: login } });
    const [answer = "{}"] = await node.speakAsAgent([`${request}\n`]);
    return JSON.parse(answer).ok === true;
  };
  const agent = await node.startSeparatedAgent();
  ends.push(() => agent.stop());

  await agent.reject(document(eve, 12), /signature-insufficient/);
  assert.equal(await readByHelper(), false);
  await agent.reject(desiredState, /nobody has signed it/);
  assert.equal(await readByHelper(), false);
  await agent.apply(document(anna, 12));
  assert.equal(await readByHelper(), true);
  const hosts = await readFile(join(node.daemon.certsD, "gcr.io/hosts.toml"), "utf8");
  assert.ok(hosts.includes(authorization(credential)));
});
