import assert from "node:assert/strict";
import { test } from "node:test";
import { writeNodeStatus } from "../../../src/core/fleet/read-node-status.ts";
import { collectRecords } from "../../../src/fleet/store/collect-records.ts";
import { keyOf } from "../../../src/fleet/store/record-name.ts";
import { statusWith } from "../../core/fleet/support/fleet.ts";

test("a status that is recalled is not read again; that of somebody else is", () => {
  const { status: own, bytes } = writeNodeStatus(statusWith());
  const recall = (node: string, told: Uint8Array) =>
    node === own.node && Buffer.compare(told, bytes) === 0 ? own : undefined;
  const { records, apply } = collectRecords("prod", undefined, recall);
  const tell = (value: Uint8Array, modRevision: number): void => {
    const key = keyOf("prod", { kind: "status", id: own.node });
    apply([{ kind: "put", entry: { key, value, createRevision: 1, modRevision } }]);
  };
  tell(Buffer.from(bytes), 2);
  assert.equal(records.status.get(own.node)?.value, own);
  assert.equal(records.status.get(own.node)?.modRevision, 2);
  const others = statusWith({ agent: "another" });
  tell(writeNodeStatus(others).bytes, 3);
  assert.deepEqual(records.status.get(own.node)?.value, others);
  tell(Buffer.from("{"), 4);
  assert.equal(records.status.has(own.node), false);
});
