import assert from "node:assert/strict";
import { test } from "node:test";
import { isDenied, parseDeniedList } from "../../../src/fleet/server/denied-list.ts";
import { readNodeId } from "../../../src/fleet/server/node-certificate.ts";

const idOf = (names: string | undefined) => {
  const read = readNodeId(names, "prod");
  return read.ok ? read.id : undefined;
};

test("the id is in the one URI of the certificate", () => {
  assert.equal(idOf("URI:spiffe://prod/node/n-1.example"), "n-1.example");
  assert.equal(idOf("DNS:a.example, URI:spiffe://PROD/node/n1, IP Address:10.0.0.1"), "n1");
});

test("names that could be taken for another node are none", () => {
  for (const names of [
    undefined,
    "",
    "DNS:n1",
    "URI:spiffe://other/node/n1",
    "URI:spiffe://prod/node/",
    "URI:spiffe://prod/node/n1/x",
    "URI:spiffe://prod/node/..",
    "URI:spiffe://prod/node/n%31",
    "URI:spiffe://prod/node/n1?x",
    "URI:https://prod/node/n1",
    "URI:spiffe://prod/node/n1, URI:spiffe://prod/node/n2",
    // As Node writes a name that holds a comma; taken apart at the comma, it would be another one.
    'DNS:"a, URI:spiffe://prod/node/n1"',
    'URI:"spiffe://prod/node/n1, DNS:x"',
    "URI:spiffe://prod/node/n1, nonsense",
  ])
    assert.equal(idOf(names), undefined, names);
});

test("a denied list names nodes and serial numbers, and is refused whole where a line is neither", () => {
  const parsed = parseDeniedList("# stolen\nn1\n\n serial:0a:Ff # lost\n");
  assert.ok(parsed.ok);
  assert.equal(isDenied(parsed.list, "n1", "01"), true);
  assert.equal(isDenied(parsed.list, "n2", "0AFF"), true);
  assert.equal(isDenied(parsed.list, "n2", "AFF"), true);
  assert.equal(isDenied(parsed.list, "n2", "0AFE"), false);
  const wrong = parseDeniedList("n1\nserial:xyz\n");
  assert.equal(wrong.ok ? "" : wrong.message, "line 2 is neither a node's id nor serial:HEX");
});
