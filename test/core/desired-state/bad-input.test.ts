import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHostPort } from "../../../src/core/desired-state/host-port.ts";
import { parseDesiredState } from "../../../src/core/desired-state/parse-desired-state.ts";
import { dockerConfig, resolveText, source } from "./resolve-text.ts";

const GOOD = `apiVersion: mirrorlet/v1
kind: RegistryMirrors
generation: 3
registryMirrors:
  - endpoint: https://m.example.com:5000/v2/ns
    hosts: [gcr.io, "*"]
    pullCredential: &login {username: ann, passwordFile: /password}
  - {"endpoint": "http://10.0.0.1", "hosts": ["docker.io"]}
upstream: {"*": never}
---
kind: ImageTagMirrorSet
spec:
  imageTagMirrors:
    - source: quay.io/a
      mirrors: [m.example.com:5000/ns/a]
`;

test("a file cut off at any length never throws, and is never taken for an empty wish", () => {
  const bytes = new TextEncoder().encode(GOOD);
  const files = { "/password": "x" };
  assert.ok(resolveText(bytes, { files }).state);
  for (let length = 0; length < bytes.length; length++) {
    const { state } = resolveText(bytes.subarray(0, length), { files });
    assert.ok(state === undefined || state.registries.length > 0, `cut at ${length}`);
  }
});

const levels = (count: number, line: (depth: number) => string): string =>
  Array.from({ length: count }, (_, depth) => line(depth)).join("");

const HOSTILE: readonly (readonly [string, string, string])[] = [
  ["a million brackets", "[".repeat(1e6), "too-deep"],
  ["a million braces", '{"a":'.repeat(2e5), "too-deep"],
  ["a hundred thousand dashes", "- ".repeat(1e5), "too-deep"],
  ["a hundred thousand question marks", "? ".repeat(1e5), "too-deep"],
  ["two thousand indents", levels(2000, (depth) => `${" ".repeat(depth)}a:\n`), "too-deep"],
  ["33 block levels", levels(33, (depth) => `${" ".repeat(depth)}a:\n`), "too-deep"],
  ["300,000 keys", levels(3e5, (index) => `k${index}: v\n`), "too-many-nodes"],
  ["300,000 flow keys", `{${levels(3e5, (index) => `"k${index}":1,`)}}`, "too-many-nodes"],
  ["two million blank lines", "\n".repeat(2e6), "empty-input"],
  [
    "anchors that multiply",
    `a0: &a0 [x, x]\n${levels(30, (index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]\n`)}`,
    "too-many-nodes",
  ],
  ["more aliases than anybody needs", `a: &a x\nb: [${"*a,".repeat(101)}]\n`, "yaml-alias"],
  ["an anchor within itself", "a: &a {b: *a}\n", "yaml-alias"],
  ["a constructor tag", "a: !!js/function 'f'\n", "yaml-tag"],
  ["5 MiB", `#${"x".repeat(5 * 1024 * 1024)}`, "too-large"],
  ["NULs, as a crash leaves them", "\0".repeat(4096), "control-character"],
  ["an escape sequence for the terminal", "a: \u001b[2J\n", "control-character"],
];

for (const [title, text, code] of HOSTILE) {
  test(`refused whole: ${title}`, () => {
    const { state, issues } = resolveText(text);
    assert.equal(state, undefined);
    assert.ok(
      issues.some((issue) => issue.code === code && issue.severity === "error"),
      JSON.stringify(issues[0]),
    );
  });
}

test("keys that name a prototype are refused and change no object", () => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    const { state, issues } = resolveText(
      `kind: Secret\nmetadata: {name: a}\nstringData: {${key}: {polluted: x}}\n`,
    );
    assert.equal(state, undefined);
    assert.deepEqual(
      issues.map(({ code }) => code),
      ["forbidden-key"],
    );
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  }
  const login = '{"auths":{"__proto__":{"auth":"eDp5"},"m.example.com":{"auth":"eDp5"}}}';
  const text = "registryMirrors: [{endpoint: https://m.example.com, pullCredentialConfigPath: /c}]\n";
  const { state } = resolveText(text, { files: { "/c": login } });
  assert.deepEqual(state?.registries[0]?.mirrors[0]?.credential, { username: "x", password: "y" });
});

test("quotes, backslashes, colons and non-ASCII in passwords come through as they are", () => {
  const password = `q"uo'te\\back:colon #hash $dollar é☃ `;
  const text = "registryMirrors: [{endpoint: https://m.example.com, pullCredentialConfigPath: /c}]\n";
  const { state, issues } = resolveText(text, {
    files: { "/c": dockerConfig({ "m.example.com": `ann:${password}` }) },
  });
  assert.deepEqual(issues, []);
  assert.equal(state?.registries[0]?.mirrors[0]?.credential?.password, password);
});

test("property: arbitrary bytes never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const { state } = resolveText(bytes);
      assert.equal(state, undefined);
    }),
  );
});

test("property: mutilated good input never throws, and every namespace keeps to the grammar", () => {
  const alphabet = fc.constantFrom(
    ..."[]{}:,-?&*!|>'\"#%@`\n\t /.\\aZ0_é\u0000\ud800".split(""),
    "..",
    "https://",
    "gcr.io",
    "---\n",
  );
  fc.assert(
    fc.property(fc.nat(GOOD.length), fc.nat(12), fc.array(alphabet, { maxLength: 6 }), (at, drop, insert) => {
      const text = GOOD.slice(0, at) + insert.join("") + GOOD.slice(at + drop);
      checkNamespaces(text);
    }),
    { numRuns: 500 },
  );
});

test("property: whatever is written as a host, no namespace leaves the grammar", () => {
  const host = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.domain(),
    fc.ipV6(),
    fc.webUrl(),
    fc.constantFrom("..", ".", "*", "a/../b", "%2e%2e", "gcr.io\n"),
  );
  fc.assert(
    fc.property(fc.array(host, { minLength: 1, maxLength: 5 }), (hosts) => {
      const registryMirrors = [{ endpoint: "https://m.example.com", hosts }];
      checkNamespaces(
        JSON.stringify({ apiVersion: "mirrorlet/v1", kind: "RegistryMirrors", registryMirrors }),
      );
    }),
    { numRuns: 500 },
  );
});

function checkNamespaces(text: string): void {
  const { wishes } = parseDesiredState([source("state.yaml", text)], {});
  for (const { namespace } of wishes) {
    const parsed = parseHostPort(namespace);
    assert.ok(namespace === "*" || (parsed.ok && /^[a-z0-9.:[\]-]+$/.test(namespace)), namespace);
    assert.ok(!namespace.includes(".."));
  }
}
