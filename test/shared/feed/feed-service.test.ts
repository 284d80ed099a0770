import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadFeedService } from "../../../src/shared/feed/load-feed-service.ts";

const GENERATED = "src/shared/feed/generated";

test("the types of the feed are those of proto/feed.proto", () => {
  const scratch = mkdtempSync(join(tmpdir(), "feed-types-"));
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const [program, ...args] = scripts["generate:feed"].replace(GENERATED, scratch).split(" ");
  execFileSync(join("node_modules/.bin", program), args);
  const made = textsIn(scratch);
  assert.ok(made.size > 10);
  assert.deepEqual(textsIn(GENERATED), made, "npm run generate:feed");
});

test("messages look as their types say", async () => {
  const { Sync } = await loadFeedService();
  const report = Sync.requestDeserialize(
    Sync.requestSerialize({ seq: 3, report: { phase: "PHASE_SOAKED" } }),
  );
  assert.equal(report.message, "report");
  assert.equal(report.seq, 3);
  assert.equal(report.report?.phase, "PHASE_SOAKED");
  assert.equal(report.report?.assignmentId, "");
  assert.equal(report.report?.state, null);
  assert.deepEqual(report.report?.items, []);
  assert.equal(report.hello, undefined);
  const hello = Sync.requestDeserialize(
    Sync.requestSerialize({ hello: { state: { floorSerial: 2 ** 53 - 1 } } }),
  );
  assert.equal(hello.hello?.state?.floorSerial, 2 ** 53 - 1);
  assert.deepEqual(hello.hello?.labels, {});
});

function textsIn(directory: string): ReadonlyMap<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(directory, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}
