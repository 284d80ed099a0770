import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import {
  formatInlineKey,
  readInlineKey,
  readPublicKeys,
  uniqueKeys,
} from "../../../src/core/signing/trusted-keys.ts";
import { sha256, testKey } from "./sign.ts";

const pem = (seed: number): string =>
  createPublicKey(testKey(seed).secret).export({ format: "pem", type: "spki" }) as string;

test("the keys of a PEM file, with words between them; ids are digests of the whole SubjectPublicKeyInfo", () => {
  const read = readPublicKeys(`# Anna\n${pem(1)}\n# Ben\n${pem(2).replaceAll("\n", "\r\n")}`, sha256);
  assert.ok(read.ok);
  assert.deepEqual(
    read.keys.map(({ keyId, raw }) => ({ keyId, raw })),
    [testKey(1), testKey(2)].map(({ keyId, raw }) => ({ keyId, raw: Uint8Array.from(raw) })),
  );
  const der = createPublicKey(testKey(1).secret).export({ format: "der", type: "spki" });
  assert.equal(read.keys[0]?.keyId, sha256(der));
});

test("a key file with anything else is refused whole, and says what is in it", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({
    format: "pem",
    type: "spki",
  });
  const x25519 = generateKeyPairSync("x25519").publicKey.export({ format: "pem", type: "spki" });
  const secret = testKey(1).secret.export({ format: "pem", type: "pkcs8" }) as string;
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /no PEM block/],
    [formatInlineKey(testKey(1).raw), /no PEM block/],
    [secret, /private key, which belongs on no node/],
    [pem(1) + secret, /private key/],
    [String(rsa), /something else than Ed25519/],
    [String(x25519), /something else than Ed25519/],
    [pem(1).replaceAll("PUBLIC KEY", "CERTIFICATE"), /something else.*CERTIFICATE/],
    [pem(1).slice(0, -30), /cut off or damaged/],
    [pem(1) + pem(2).slice(0, 60), /cut off or damaged/],
    [pem(1).replace("MC", "M!"), /cut off or damaged/],
    [pem(1).repeat(65), /more than 64/],
  ];
  for (const [text, expected] of cases) {
    const read = readPublicKeys(text, sha256);
    assert.ok(!read.ok, text);
    assert.match(read.message, expected);
    assert.ok(!read.message.includes("MC4CAQ"), "nothing of a key is repeated");
  }
});

test("an inline key is 32 bytes in base64", () => {
  const { raw } = testKey(3);
  assert.deepEqual(readInlineKey(formatInlineKey(raw)), Uint8Array.from(raw));
  const text = formatInlineKey(raw);
  for (const wrong of [
    "",
    "ed25519:",
    "ed25519:AA",
    text.slice(0, -1),
    `${text} `,
    text.toUpperCase(),
    text.replace("ed25519", "rsa"),
    `${text.slice(0, -2)}h=`,
  ])
    assert.equal(readInlineKey(wrong), undefined, wrong);
});

test("a key that is listed twice is one", () => {
  assert.equal(uniqueKeys([testKey(1), testKey(2), testKey(1)]).length, 2);
});
