import assert from "node:assert/strict";
import { test } from "node:test";
import { readDockerLogins, readHelperAnswer } from "../../../../src/core/bundle/push/docker-logins.ts";

const auth = (text: string): string => Buffer.from(text).toString("base64");

function find(config: object, host: string, path = "") {
  const read = readDockerLogins(JSON.stringify(config));
  assert.equal(read.ok, true);
  return read.ok ? read.logins.find(host, path) : undefined;
}

const loginOf = (username: string, password = "p") => ({
  kind: "here",
  login: { kind: "login", username, password },
});

test("the longest prefix of the repository counts", () => {
  const config = {
    auths: {
      "reg.example:5000": { auth: auth("host:p") },
      "reg.example:5000/team": { auth: auth("team:p") },
      "reg.example:5000/team/app": { username: "app", password: "p" },
    },
  };
  assert.deepEqual(find(config, "reg.example:5000", "team/app/x"), loginOf("app"));
  assert.deepEqual(find(config, "reg.example:5000", "team/application"), loginOf("team"));
  assert.deepEqual(find(config, "reg.example:5000", "other"), loginOf("host"));
  assert.deepEqual(find(config, "reg.example:5001", "team"), { kind: "none" });
});

test("what is below a namespace and has a login of its own", () => {
  const auths = {
    "Reg.example": {},
    "reg.example/ns": {},
    "https://reg.example/ns/a/": {},
    "reg.example/nsx/b": {},
  };
  const read = readDockerLogins(JSON.stringify({ auths, credHelpers: { "reg.example/ns/c/d": "pass" } }));
  assert.ok(read.ok);
  assert.deepEqual(read.logins.below("reg.example", "ns"), ["ns/c/d", "ns/a"]);
  assert.deepEqual(read.logins.below("reg.example", ""), ["ns/c/d", "ns", "ns/a", "nsx/b"]);
  assert.deepEqual(read.logins.below("other.example", ""), []);
});

test("keys may be URLs, and Docker Hub has several names", () => {
  const config = {
    auths: {
      "https://reg.example/v2/": { auth: auth("a:b:c") },
      "https://index.docker.io/v1/": { auth: auth("hub:p") },
    },
  };
  assert.deepEqual(find(config, "reg.example"), loginOf("a", "b:c"));
  assert.deepEqual(find(config, "docker.io"), loginOf("hub"));
});

test("tokens, helpers and the store for all", () => {
  const config = {
    auths: {
      "id.example": { auth: auth("<token>:"), identitytoken: "idt" },
      "reg.example": { registrytoken: "regt" },
      "store.example": {},
    },
    credHelpers: { "helper.example/team": "pass", "bad.example": "../../bin/sh" },
    credsStore: "secretservice",
  };
  assert.deepEqual(find(config, "id.example"), {
    kind: "here",
    login: { kind: "identity-token", token: "idt" },
  });
  assert.deepEqual(find(config, "reg.example"), {
    kind: "here",
    login: { kind: "registry-token", token: "regt" },
  });
  assert.deepEqual(find(config, "store.example"), {
    kind: "helper",
    helper: "secretservice",
    server: "store.example",
  });
  assert.deepEqual(find(config, "helper.example", "team/x"), {
    kind: "helper",
    helper: "pass",
    server: "helper.example/team",
  });
  assert.deepEqual(find(config, "docker.io"), {
    kind: "helper",
    helper: "secretservice",
    server: "https://index.docker.io/v1/",
  });
  assert.equal(find(config, "bad.example")?.kind, "broken");
});

test("what is broken is told without its value", () => {
  const place = find({ auths: { "reg.example": { auth: "c2VjcmV0" } } }, "reg.example");
  assert.deepEqual(place, { kind: "broken", reason: `its "auth" is not base64 of username:password` });
  assert.equal(readDockerLogins("[]").ok, false);
  assert.equal(readDockerLogins("nonsense").ok, false);
});

test("what a helper prints", () => {
  const answer = (username: string) =>
    readHelperAnswer(JSON.stringify({ ServerURL: "x", Username: username, Secret: "s" }));
  assert.deepEqual(answer("u"), { kind: "login", username: "u", password: "s" });
  assert.deepEqual(answer("<token>"), { kind: "identity-token", token: "s" });
  assert.equal(readHelperAnswer("credentials not found"), undefined);
});
