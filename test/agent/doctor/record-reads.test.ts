import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { recordReads } from "../../../src/agent/doctor/record-reads.ts";
import { HostError } from "../../../src/agent/ports.ts";
import { createFiles } from "../../../src/host/files.ts";
import { scratch } from "../../host/scratch.ts";

test("whatever is read is told when it would be another now, and nothing else is", async (t) => {
  const root = scratch(t);
  const at = (path: string) => join(root, path);
  for (const path of ["tree/a.example", "tree/b.example"]) mkdirSync(at(path), { recursive: true });
  const put = (path: string, text: string) => writeFileSync(at(path), text);
  const putFile = (text: string) => {
    put("file", text);
    utimesSync(at("file"), 1_700_000_000, 1_700_000_000);
  };
  putFile("1");
  put("tree/a.example/hosts.toml", "1");
  const read = async () => {
    const reads = recordReads(createFiles());
    await reads.files.read(at("file"));
    await reads.files.read(at("absent"));
    await reads.files.readTree(at("tree"));
    await assert.rejects(reads.files.read(at("tree")), HostError);
    return reads;
  };
  // What was written a moment ago may change again unseen: such files are read anew until their times have settled.
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  const same = await read();
  put("other", "1");
  assert.equal(await same.isUnchanged(), true);

  const changes: readonly (() => void)[] = [
    // Bytes decide, also where somebody keeps the times.
    () => putFile("2"),
    () => chmodSync(at("file"), 0o600),
    () => put("absent", "1"),
    () => put("tree/a.example/hosts.toml", "2"),
    () => put("tree/b.example/hosts.toml", "1"),
    () => mkdirSync(at("tree/c.example")),
    () => symlinkSync("/nowhere", at("tree/d.example")),
    () => rmSync(at("tree/b.example"), { recursive: true }),
  ];
  for (const change of changes) {
    const reads = await read();
    change();
    assert.equal(await reads.isUnchanged(), false, String(change));
  }
});
