import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FEED_SETTINGS } from "../../src/core/feed-config/feed-settings.ts";

test("docs/feed-server.md has every key of feed.toml, and no other", () => {
  const text = readFileSync("docs/feed-server.md", "utf8");
  const table = text.slice(text.indexOf("| key | default |"), text.indexOf("A node takes about"));
  const rows = table.split("\n").map((row) => row.split("|")[1] ?? "");
  const named = rows.flatMap((cell) => [...cell.matchAll(/`([a-z_.]+)`/g)].map(([, key]) => key));
  assert.deepEqual(named.sort(), Object.keys(FEED_SETTINGS.settings).sort());
});
