import assert from "node:assert/strict";
import { test } from "node:test";
import { preAuthEncoding } from "../../../src/core/signing/pre-auth-encoding.ts";
import { verifyEd25519 } from "../../../src/host/ed25519.ts";
import { testKey } from "./sign.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

// https://www.rfc-editor.org/rfc/rfc8032#section-7.1: secret key, public key, message, signature.
const RFC_8032 = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
] as const;

test("RFC 8032: the vectors are made and verified, and no other message is", () => {
  for (const [secret, publicKey, message, signature] of RFC_8032) {
    const key = testKey(secret);
    assert.equal(Buffer.from(key.raw).toString("hex"), publicKey);
    assert.equal(Buffer.from(key.sign(hex(message))).toString("hex"), signature);
    assert.equal(verifyEd25519(hex(publicKey), hex(message), hex(signature)), true);
    assert.equal(verifyEd25519(hex(publicKey), hex(`${message}00`), hex(signature)), false);
  }
});

test("RFC 8032: a signature has one form: S may not be the group's order or more", () => {
  const [, publicKey, message, signature] = RFC_8032[2];
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const bytes = hex(signature);
  let s = order;
  for (let at = 63; at >= 32; at -= 1) s += BigInt(bytes[at] ?? 0) << BigInt(8 * (at - 32));
  const again = bytes.slice();
  for (let at = 32; at < 64; at += 1) again[at] = Number((s >> BigInt(8 * (at - 32))) & 0xffn);
  assert.equal(verifyEd25519(hex(publicKey), hex(message), again), false);
});

test("a key that is no point, and a signature that is too short, verify nothing and throw nothing", () => {
  const [, publicKey, message, signature] = RFC_8032[1];
  assert.equal(verifyEd25519(new Uint8Array(32).fill(0xff), hex(message), hex(signature)), false);
  assert.equal(verifyEd25519(hex(publicKey).subarray(1), hex(message), hex(signature)), false);
  assert.equal(verifyEd25519(hex(publicKey), hex(message), hex(signature).subarray(1)), false);
});

// https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#test-vectors
test("DSSE: the pre-authentication encoding of the specification's example", () => {
  const encoded = preAuthEncoding("http://example.com/HelloWorld", new TextEncoder().encode("hello world"));
  assert.equal(text(encoded), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
});

test("DSSE: lengths are those of bytes, and type and payload cannot trade places", () => {
  const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
  assert.equal(text(preAuthEncoding("ä", bytes("€"))), "DSSEv1 2 ä 3 €");
  assert.equal(text(preAuthEncoding("", bytes(""))), "DSSEv1 0  0 ");
  const [one, other] = [preAuthEncoding("a", bytes("b 1 c")), preAuthEncoding("a 5 b", bytes("c"))];
  assert.notEqual(text(one), text(other));
});
