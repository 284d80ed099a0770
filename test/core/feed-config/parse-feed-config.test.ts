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
  assert.equal(config.engine, "etcd://10.0.0.1:2379,etcd-2:2379");
  assert.deepEqual(config.access, {});
  assert.equal(config.feed.trustDomain, "prod");
  assert.equal(config.feed.maxStreams, 10_000);
  assert.equal(config.controller, true);
});

test("an option wins over --set, that over the environment, that over the file", () => {
  const env = { MIRRORLET_ENGINE: "journal:/env", MIRRORLET_FLEET: "env", MIRRORLET_RESYNC: "1m" };
  assert.equal(accepted(LEAST, { env }).fleet, "env");
  const set = ["engine=journal:/set"];
  assert.equal(accepted(LEAST, { env, set }).engine, "journal:/set");
  const config = accepted(LEAST, { env, set, engine: "etcd://a:1", fleet: "x" });
  assert.equal(config.engine, "etcd://a:1");
  assert.equal(config.fleet, "x");
});

test("what is missing is asked for", () => {
  assert.match(refused(""), /which fleet.*\n.*where the fleet's state is kept/);
});

test("an engine of another form is refused, with the form", () => {
  for (const engine of ["etcd://", "http://a:1", "journal:x"])
    assert.match(refused(`fleet = "f"\nengine = "${engine}"`), /must be etcd:\/\/HOST:PORT/, engine);
});

test("unknown keys are refused with a suggestion", () => {
  const text = refused(`${LEAST}[feed]\nadress = "0.0.0.0:1"\n`);
  assert.match(
    text,
    /feed\.toml:4:1: unknown key "feed\.adress": the feed server .* did you mean "feed\.address"/,
  );
});

test("a password goes over TLS only, and with a user; a certificate with its key", () => {
  const login = '[etcd]\nuser = "u"\npassword_file = "/p"\n';
  assert.match(refused(LEAST + login), /over TLS only/);
  assert.deepEqual(accepted(`${LEAST}${login}ca = "/c"\n`).access, {
    caFile: "/c",
    user: "u",
    passwordFile: "/p",
  });
  assert.match(refused(`${LEAST}[etcd]\nca = "/c"\nuser = "u"\n`), /user and a password/);
  assert.match(refused(`${LEAST}[etcd]\ncert = "/c"\n`), /certificate and its key/);
});

test("two listeners cannot have one address", () => {
  assert.match(refused(`${LEAST}[http]\naddress = "0.0.0.0:9479"\n`), /same address/);
});
