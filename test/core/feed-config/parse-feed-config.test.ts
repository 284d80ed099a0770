import assert from "node:assert/strict";
import { test } from "node:test";
import { type FeedConfigSources, parseFeedConfig } from "../../../src/core/feed-config/parse-feed-config.ts";
import { formatIssue } from "../../../src/core/issue.ts";

const name = "/etc/mirrorlet/feed.toml";

function parse(text: string, more: Partial<FeedConfigSources> = {}) {
  return parseFeedConfig({ file: { name, text }, env: {}, ...more });
}

function accepted(text: string, more: Partial<FeedConfigSources> = {}) {
  const result = parse(text, more);
  if (!result.ok) assert.fail(result.issues.map(formatIssue).join("\n"));
  return result.config;
}

function refused(text: string, more: Partial<FeedConfigSources> = {}): string {
  const result = parse(text, more);
  if (result.ok) assert.fail("accepted");
  return result.issues.map(formatIssue).join("\n");
}

const LEAST = 'fleet = "Prod"\nengine = "etcd://10.0.0.1:2379,etcd-2:2379"\n';

test("a fleet and an engine are enough", () => {
  const config = accepted(LEAST);
  assert.deepEqual(config.engine, {
    kind: "etcd",
    tls: false,
    endpoints: ["http://10.0.0.1:2379", "http://etcd-2:2379"],
  });
  assert.equal(config.feed.trustDomain, "prod");
  assert.equal(config.feed.maxStreams, 10_000);
  assert.equal(config.controller, true);
  assert.equal(config.etcd.login, undefined);
});

test("an option wins over --set, that over the environment, that over the file", () => {
  const env = { MIRRORLET_ENGINE: "journal:/env", MIRRORLET_FLEET: "env", MIRRORLET_RESYNC: "1m" };
  assert.equal(accepted(LEAST, { env }).fleet, "env");
  const set = ["engine=journal:/set"];
  assert.deepEqual(accepted(LEAST, { env, set }).engine, { kind: "journal", directory: "/set" });
  const config = accepted(LEAST, { env, set, engine: "etcds://a:1", fleet: "x" });
  assert.deepEqual(config.engine, { kind: "etcd", tls: true, endpoints: ["https://a:1"] });
  assert.equal(config.fleet, "x");
});

test("what is missing is asked for", () => {
  assert.match(refused(""), /which fleet.*\n.*where the fleet's state is kept/);
});

test("an engine of another form is refused, with the form", () => {
  for (const engine of [
    "etcd://",
    "etcd://a",
    "etcd://a:0",
    "http://a:1",
    "journal:x",
    "journal:/a/../b",
    "etcd://a:1/x",
  ])
    assert.match(refused(`fleet = "f"\nengine = "${engine}"`), /must be etcd:\/\/HOST:PORT/, engine);
});

test("unknown keys are refused with a suggestion", () => {
  const text = refused(`${LEAST}[feed]\nadress = "0.0.0.0:1"\n`);
  assert.match(
    text,
    /feed\.toml:4:1: unknown key "feed\.adress": the feed server .* did you mean "feed\.address"/,
  );
});

test("a password goes over TLS only, and with a user", () => {
  const login = '[etcd]\nuser = "u"\npassword_file = "/p"\n';
  assert.match(refused(LEAST + login), /over TLS only/);
  const config = accepted(`fleet = "f"\nengine = "etcds://a:1"\n${login}`);
  assert.deepEqual(config.etcd.login, { user: "u", passwordFile: "/p" });
  assert.match(refused('fleet = "f"\nengine = "etcds://a:1"\n[etcd]\nuser = "u"\n'), /user and a password/);
  assert.match(
    refused('fleet = "f"\nengine = "etcds://a:1"\n[etcd]\ncert = "/c"\n'),
    /certificate and its key/,
  );
});

test("two listeners cannot have one address", () => {
  assert.match(refused(`${LEAST}[http]\naddress = "0.0.0.0:9479"\n`), /same address/);
});
