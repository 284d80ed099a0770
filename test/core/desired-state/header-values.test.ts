import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, dockerConfig, resolveText } from "./resolve-text.ts";

/** What ends or splits a header line, and what Go or a proxy refuses in one; each on its own (RFC 9110, 5.5). */
const breaking: Readonly<Record<string, string>> = {
  CR: "\r",
  LF: "\n",
  "CR LF": "\r\n",
  "a folded line": "\r\n X-Evil: 1",
  NUL: "\0",
  tab: "\t",
  BEL: "\x07",
  ESC: "\x1b[31m",
  DEL: "\x7f",
  "next line": "\x85",
};

const native = (entry: string): string =>
  `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors: [{endpoint: https://m.example, hosts: [gcr.io], ${entry}}]\n`;

/** A user and a password by every way that they can come. */
const ways: Readonly<Record<string, (username: string, password: string) => ReturnType<typeof resolveText>>> =
  {
    "a docker config's auth": (username, password) =>
      resolveText(native("pullCredentialConfigPath: /c"), {
        files: { "/c": dockerConfig({ "m.example": `${username}:${password}` }) },
      }),
    "a docker config's pair": (username, password) =>
      resolveText(native("pullCredentialConfigPath: /c"), {
        files: { "/c": JSON.stringify({ auths: { "m.example": { username, password } } }) },
      }),
    "a password file": (username, password) =>
      resolveText(
        native(`pullCredential: {username: ${JSON.stringify(username)}, passwordFile: /p}`).replace(
          "\x7f",
          "\\x7f",
        ),
        { files: { "/p": `${password}\n` } },
      ),
    "a Secret": (username, password) =>
      resolveText(
        `kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.example, pullCredentialSecretRef: {name: s}}]}}\n---\nkind: Secret\nmetadata: {name: s}\ndata: {username: ${base64(username)}, password: ${base64(password)}}\n`,
      ),
    "a k3s file": (username, password) =>
      resolveText(
        `mirrors: {gcr.io: {endpoint: ["https://m.example"]}}\nconfigs: {m.example: {auth: {username: ${JSON.stringify(username)}, password: ${JSON.stringify(password)}}}}\n`,
      ),
  };

for (const [way, resolve] of Object.entries(ways))
  test(`no character that breaks a header gets in by way of ${way}`, () => {
    assert.notEqual(resolve("ann", "plain").state, undefined);
    for (const [name, bad] of Object.entries(breaking))
      for (const [username, password] of [
        ["ann", `hunter2${bad}x`],
        [`ann${bad}x`, "hunter2"],
      ] as const) {
        const { state, issues } = resolve(username, password);
        assert.equal(state, undefined, name);
        assert.doesNotMatch(JSON.stringify(issues), /hunter2|X-Evil/, name);
      }
  });

test("no form of desired state can name a header", () => {
  for (const text of [
    native("header: {X-Token: abc}"),
    native("headers: {X-Token: abc}"),
    `mirrors: {gcr.io: {endpoint: ["https://m.example"], header: {X-Token: abc}}}\n`,
    `mirrors: {gcr.io: {endpoint: ["https://m.example"]}}\nconfigs: {m.example: {header: {X-Token: abc}}}\n`,
  ]) {
    const { issues } = resolveText(text);
    assert.match(issues.map(({ code }) => code).join(), /unknown-key|ignored-key/, text);
  }
});

test("a password in place of a path, or behind an asterisk, is not repeated", () => {
  for (const text of [
    native("pullCredential: {username: a, passwordFile: hunter2}"),
    native("pullCredentialConfigPath: hunter2"),
    native("clientCertPath: /c, clientKeyPath: hunter2"),
    "gcrKeyPath: hunter2\nregistryMirrors: [{endpoint: https://m.example}]\n",
    native("pullCredential: {username: a, passwordFile: *hunter2}"),
  ]) {
    const { issues } = resolveText(text);
    assert.ok(issues.length > 0, text);
    assert.doesNotMatch(JSON.stringify(issues), /hunter2/, text);
  }
});
