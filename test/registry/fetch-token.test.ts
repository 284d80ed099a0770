import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { type TestContext, test } from "node:test";
import { fetchToken } from "../../src/registry/fetch-token.ts";
import { createHttpClient } from "../../src/registry/http-client.ts";
import { RegistryError } from "../../src/registry/registry-error.ts";
import { startServer } from "../support/lab-server.ts";

type Answers = (request: IncomingMessage, form: URLSearchParams) => readonly [status: number, body: string];
const login = { username: "user", password: "pa:ss" };

/** A token service; what it was asked, and how to ask it. */
async function startService(t: TestContext, answers: Answers) {
  const asked: string[] = [];
  const server = await startServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      const form = new URLSearchParams(body);
      form.sort();
      const { method, url, headers } = request;
      asked.push(
        [method, url, form, headers.authorization ?? ""].filter((part) => String(part) !== "").join(" "),
      );
      const [status, text] = answers(request, form);
      response.writeHead(status).end(text);
    });
  }, undefined);
  t.after(() => server.close());
  const client = createHttpClient({
    environment: {},
    timeouts: { dialMs: 2_000, handshakeMs: 2_000, responseMs: 2_000 },
  });
  const ask = {
    url: new URL("http://localhost:5000/v2/x"),
    tls: { skipVerify: false },
    signal: new AbortController().signal,
  };
  const fetch = (who: typeof login | undefined, realm = `${server.url}/token`) =>
    fetchToken(
      client,
      { kind: "bearer", realm, service: "s", scope: "repository:b:pull repository:a:pull" },
      who,
      ["repository:c:pull"],
      ask,
    );
  return { asked, fetch };
}

const scopes = "scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull&scope=repository%3Ac%3Apull";

async function failureOf(promise: Promise<string>): Promise<RegistryError> {
  const error = await promise.then(
    () => assert.fail("no error"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RegistryError);
  return error;
}

test("without a login: GET, with every right once and in order", async (t) => {
  const { asked, fetch } = await startService(t, () => [200, '{"token":"t1","access_token":""}']);
  assert.equal(await fetch(undefined), "Bearer t1");
  assert.deepEqual(asked, [`GET /token?service=s&${scopes}`]);
});

test("with a login: POST, and GET where the service does not take that", async (t) => {
  const byForm = await startService(t, () => [200, '{"access_token":"t2"}']);
  assert.equal(await byForm.fetch(login), "Bearer t2");
  const form = "client_id=containerd-client&grant_type=password&password=pa%3Ass";
  const wanted =
    "scope=repository%3Aa%3Apull+repository%3Ab%3Apull+repository%3Ac%3Apull&service=s&username=user";
  assert.deepEqual(byForm.asked, [`POST /token ${form}&${wanted}`]);
  for (const status of [400, 401, 404, 405]) {
    const byGet = await startService(t, ({ method }) =>
      method === "POST" ? [status, ""] : [200, '{"token":"t3"}'],
    );
    assert.equal(await byGet.fetch(login), "Bearer t3");
    const basic = `Basic ${Buffer.from("user:pa:ss").toString("base64")}`;
    assert.deepEqual(byGet.asked.slice(1), [`GET /token?service=s&${scopes} ${basic}`]);
  }
  const refused = await startService(t, () => [403, ""]);
  assert.match((await failureOf(refused.fetch(login))).message, /for the configured credentials: status 403/);
  assert.equal(refused.asked.length, 1);
});

test("an identity token is exchanged, not sent as a password", async (t) => {
  const { asked, fetch } = await startService(t, () => [200, '{"access_token":"t4"}']);
  await fetch({ username: "", password: "identity" });
  assert.match(asked[0] ?? "", /grant_type=refresh_token&refresh_token=identity/);
  assert.doesNotMatch(asked[0] ?? "", /username|password/);
});

test("what is no token", async (t) => {
  for (const body of ["<html>", "{}", '{"token":1}', '{"token":"a b"}', '{"token":"x\\r\\nEvil: 1"}', ""]) {
    const { fetch } = await startService(t, () => [200, body]);
    assert.equal((await failureOf(fetch(undefined))).code, "no-token", body);
  }
  // By POST only access_token counts, as in containerd.
  const { fetch } = await startService(t, () => [200, '{"token":"t"}']);
  assert.equal((await failureOf(fetch(login))).code, "no-token");
});

test("realms that lead nowhere, or where nobody is to be sent", async (t) => {
  const { fetch } = await startService(t, () => [200, ""]);
  assert.equal((await failureOf(fetch(undefined, "not a url"))).code, "no-realm");
  assert.equal((await failureOf(fetch(undefined, "file:///etc/passwd"))).code, "no-realm");
  assert.equal((await failureOf(fetch(undefined, "http://169.254.169.254/token"))).code, "link-local");
  const dead = await failureOf(fetch(undefined, "http://127.0.0.1:9/token"));
  assert.deepEqual([dead.phase, dead.code], ["token", "token-unreachable"]);
});
