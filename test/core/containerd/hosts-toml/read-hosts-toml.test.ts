import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type HostsFile, readHostsToml } from "../../../../src/core/containerd/hosts-toml/read-hosts-toml.ts";
import { EVERY, MEASURED, version } from "../support/versions.ts";

const DIRECTORY = "/etc/containerd/certs.d/gcr.io";
const A = "http://a:5000";
const B = "http://b:5000";
const C = "http://c:5000";
const U = "http://u:5000";

function read(text: string | Uint8Array, release: string): HostsFile {
  return readHostsToml(text, version(release), DIRECTORY);
}

/** URLs in the order of trial, or why there are none. */
function order(text: string, release: string): readonly string[] | string {
  const file = read(text, release);
  if (file.kind !== "hosts") return file.kind === "dropped" ? file.code : file.kind;
  return file.entries.map(({ written }) => written);
}

const V1 = ["1.6.20", "1.7.24"] as const;
const V2 = ["2.1.9"] as const;

function expectOrder(text: string, releases: readonly string[], expected: readonly string[] | string): void {
  for (const release of releases) assert.deepEqual(order(text, release), expected, release);
}

describe("the order of hosts", () => {
  test("tables in file order", () => {
    const text = `server = "${U}"\n[host."${C}"]\n[host."${A}"]\n[host."${B}"]\n`;
    expectOrder(text, MEASURED, [C, A, B, U]);
  });

  test("inline tables: in random order on 1.x, not seen by 2.x", () => {
    const text = `server = "${U}"\nhost = { "${B}" = {}, "${C}" = {}, "${A}" = {} }\n`;
    for (const release of V1) {
      const file = read(text, release);
      assert.ok(file.kind === "hosts");
      assert.deepEqual([...file.unordered].sort(), [A, B, C]);
      assert.equal(file.entries.at(-1)?.written, U);
    }
    expectOrder(text, V2, [U]);
  });

  test("headers that share a line: in random order on 1.x, the rest in file order", () => {
    const text = `[host."${C}"]\n[host."${A}"] [host."${B}"]\n`;
    for (const release of V1) {
      const file = read(text, release);
      assert.ok(file.kind === "hosts");
      assert.deepEqual([...file.unordered].sort(), [A, B]);
      assert.equal(file.entries[0]?.written, C);
    }
  });

  test("inline tables below [host] have no position either, so they precede the placed ones", () => {
    const text = `[host]\n"${B}" = {}\n[host."${A}"]\n`;
    expectOrder(text, V1, [B, A, ""]);
    expectOrder(text, V2, [A, ""]);
  });

  test("dotted keys: placed on 1.x, not seen by 2.x, and said so", () => {
    const text = `server = "${U}"\nhost."${B}".capabilities = ["pull"]\nhost."${A}".capabilities = ["pull"]\n`;
    expectOrder(text, V1, [B, A, U]);
    expectOrder(text, V2, [U]);
    const file = read(text, "2.1.9");
    assert.ok(file.kind === "hosts");
    assert.deepEqual(file.ignored, [
      { path: ["host", B], line: 2, column: 1, reason: "host-not-a-header" },
      { path: ["host", A], line: 3, column: 1, reason: "host-not-a-header" },
    ]);
  });

  test("2.x appends a host again when its name comes back", () => {
    const text = `[host."${A}"]\n[host."${B}"]\n[host."${A}".header]\nx = "y"\n`;
    expectOrder(text, V1, [A, B, ""]);
    expectOrder(text, V2, [A, B, A, ""]);
  });

  test("2.x does not repeat a host for its own sub-table, nor across a foreign table", () => {
    const text = `[host."${A}"]\n[other]\n[host."${A}".header]\nx = "y"\n`;
    expectOrder(text, MEASURED, [A, ""]);
  });
});

describe("what drops a file", () => {
  const cases: readonly (readonly [name: string, text: string, v1: string, v2: string])[] = [
    ["IPv6 literal in a header", '[host."http://[::1]:5000"]\n', "header-bracket", "kept"],
    ["bracket in any other header", '[other."a]b"]\n[host]\n', "header-bracket", "kept"],
    ["BOM", "\ufeff[host]\n", "kept", "bom"],
    ["text behind a header", `[host."${A}"] capabilities = ["pull"]\n`, "kept", "syntax"],
    ["no host table", 'server = "http://u"\n', "no-host-table", "kept"],
    ["host is not a table", 'host = "http://a"\n', "no-host-table", "type"],
    ["host is an array table", "[[host]]\n", "no-host-table", "type"],
    ["a host that is not a table", `[host]\n"${A}" = "x"\n`, "type", "type"],
    ["capabilities a string", '[host]\n[host."a"]\ncapabilities = "pull"\n', "type", "type"],
    ["capabilities of numbers", '[host."a"]\ncapabilities = [1]\n', "type", "type"],
    ["skip_verify a string", '[host."a"]\nskip_verify = "true"\n', "type", "type"],
    ["override_path a number", '[host."a"]\noverride_path = 1\n', "type", "type"],
    ["server a list", 'server = ["http://u"]\n[host]\n', "type", "type"],
    ["ca a number", '[host."a"]\nca = 1\n', "type", "type"],
    ["ca a list of numbers", '[host."a"]\nca = [1]\n', "type", "type"],
    ["client a triple", '[host."a"]\nclient = [["a", "b", "c"]]\n', "type", "type"],
    ["client a bool", '[host."a"]\nclient = true\n', "type", "type"],
    ["header a string", '[host."a"]\nheader = "x"\n', "type", "type"],
    ["header value a number", '[host."a".header]\nx = 1\n', "type", "type"],
    ["header value of numbers", '[host."a".header]\nx = [1]\n', "type", "type"],
    ["unknown capability", '[host."a"]\ncapabilities = ["fetch"]\n', "capability", "capability"],
    ["bad port", '[host."http://a:port"]\n', "url", "url"],
    ["control character in a URL", '[host."http://a\\u0007"]\n', "url", "url"],
    ["bad percent escape", '[host."http://a/%zz"]\n', "url", "url"],
    ["dial_timeout without unit", '[host."a"]\ndial_timeout = "5"\n', "kept", "duration"],
    ["dial_timeout a number", '[host."a"]\ndial_timeout = 5\n', "kept", "type"],
    [
      "a wrong type in a host that 2.x does not ask",
      "[host]\na = { ca = 1, skip_verify = 1 }\n",
      "type",
      "type",
    ],
    ["a table twice", `[host."${A}"]\n[host."${A}"]\n`, "syntax", "syntax"],
    ["an unterminated string", 'server = "http://u\n', "syntax", "syntax"],
  ];
  for (const [name, text, v1, v2] of cases)
    test(name, () => {
      for (const release of MEASURED) {
        const result = order(text, release);
        const expected = release.startsWith("1") ? v1 : v2;
        assert.equal(typeof result === "string" ? result : "kept", expected, release);
      }
    });

  test("a key beside a host table below [host] kills 1.x", () => {
    const text = `[host]\ncapabilities = ["pull"]\n[host."${A}"]\n`;
    expectOrder(text, V1, "crashes");
    expectOrder(text, V2, "type");
  });

  test("a header for what dotted keys made: 1.x takes it, 2.x does not", () => {
    const host = `host."${A}".override_path = true\n`;
    expectOrder(`${host}[host."${A}"]\n`, V1, [A, ""]);
    expectOrder(`${host}[host."${A}"]\n`, V2, "syntax");
    expectOrder(`${host}[host."${B}"]\n[host]\n`, V1, [A, B, ""]);
    expectOrder(`${host}[host."${B}"]\n[host]\n`, V2, "syntax");
    expectOrder(`[host."${A}"]\n[host]\n"${A}".override_path = true\n`, V2, "syntax");
    expectOrder(`[host]\n"${A}" = {}\n[host."${A}".header]\n`, MEASURED, "syntax");
  });

  test("bytes that are not UTF-8: 2.x only", () => {
    const bytes = Uint8Array.from([0x23, 0xff, 0x0a, ...new TextEncoder().encode("[host]\n")]);
    expectOrder(bytes as unknown as string, V1, [""]);
    expectOrder(bytes as unknown as string, V2, "encoding");
  });

  test("a file without a host table is fine from 1.7.32 on", () => {
    for (const release of EVERY) {
      const isFine = release.startsWith("2") || release === "1.7.34";
      assert.deepEqual(order("# nothing\n", release), isFine ? [""] : "no-host-table", release);
    }
  });

  test("referrers is known from 2.2 on", () => {
    for (const release of EVERY) {
      const known = ["2.2.0", "2.2.7", "2.3.4", "2.4.0-beta.0"].includes(release);
      const result = order('[host."a"]\ncapabilities = ["referrers"]\n', release);
      assert.deepEqual(result, known ? ["a", ""] : "capability", release);
    }
  });

  test("the place and containerd's words come with it", () => {
    const text = `server = "${U}"\n[host."${A}"]\n  capabilities = ["pull", "fetch"]\n`;
    assert.deepEqual(read(text, "1.7.24"), {
      kind: "dropped",
      code: "capability",
      reason: "unknown capability fetch",
      line: 3,
      column: 3,
    });
    const broken = read(`server = "${U}"\n[host."${A}"\n`, "2.1.9");
    assert.ok(broken.kind === "dropped");
    assert.equal(broken.line, 2);
  });
});

describe("keys", () => {
  test("escapes in a header: decoded by 2.x, kept as they stand by 1.x", () => {
    const text = '[host."http://a/\\u0062"]\n';
    expectOrder(text, V1, ["http://a/\\u0062", ""]);
    expectOrder(text, V2, ["http://a/b", ""]);
  });

  test("case: any on 2.x; lower or all upper on 1.x", () => {
    const skips = (key: string, release: string): boolean | undefined => {
      const file = read(`[host."https://a"]\n${key} = true\n`, release);
      return file.kind === "hosts" ? file.entries[0]?.skipVerify : undefined;
    };
    assert.deepEqual(
      MEASURED.map((release) => skips("Skip_Verify", release)),
      [undefined, undefined, true],
    );
    assert.deepEqual(
      MEASURED.map((release) => skips("SKIP_VERIFY", release)),
      [true, true, true],
    );
  });

  test("what has no effect is listed with its place", () => {
    const text = `foo = 1\n[host."${A}"]\nserver = "${U}"\ndial_timeout = "1s"\n[Host."${B}"]\n[other]\nz = 1\n`;
    const ignored = (release: string) => {
      const file = read(text, release);
      assert.ok(file.kind === "hosts");
      return file.ignored.map(({ path, line, reason }) => `${line} ${path.join(".")} ${reason}`);
    };
    const always = ["1 foo unknown-key", "5 Host unknown-key", "6 other unknown-key"];
    const server = `3 host.${A}.server server-in-host-table`;
    assert.deepEqual(ignored("2.1.9"), [...always, server]);
    assert.deepEqual(ignored("1.7.24"), [
      ...always,
      server,
      `4 host.${A}.dial_timeout unknown-in-this-version`,
    ]);
  });

  test("relative files are below the directory, and an empty name is the directory itself", () => {
    const text = '[host."https://a"]\nca = ["ca.crt", "/abs/ca.crt", ""]\nclient = [["../c.pem", ""]]\n';
    for (const release of MEASURED) {
      const file = read(text, release);
      assert.ok(file.kind === "hosts");
      assert.deepEqual(file.entries[0]?.ca, [`${DIRECTORY}/ca.crt`, "/abs/ca.crt", DIRECTORY]);
      assert.deepEqual(file.entries[0]?.client, [["/etc/containerd/certs.d/c.pem", DIRECTORY]]);
    }
  });

  test("names of Object.prototype are names like any other", () => {
    const text = '[host."__proto__"]\n[host."https://a".header]\nconstructor = "x"\n__proto__ = "y"\n';
    const file = read(text, "2.1.9");
    assert.ok(file.kind === "hosts");
    assert.deepEqual(
      file.entries.map(({ host }) => host),
      ["__proto__", "a", ""],
    );
    assert.deepEqual(file.entries[1]?.header, [
      { name: "constructor", values: ["x"] },
      { name: "__proto__", values: ["y"] },
    ]);
  });
});

describe("properties", () => {
  const line = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.constantFrom(
      '[host."http://a"]',
      "[host]",
      "[[host]]",
      "server = 'x'",
      "ca = ",
      "'''",
      '"""',
      "[",
      "]",
      "=",
      "{",
      "}",
      '[host."http://[::1]"] x = 1',
      "header = { a = 1 }",
      "\ufeff",
      "\\u",
      'capabilities = ["pull"',
      "]",
      "#",
    ),
  );

  test("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom(...EVERY), (lines, release) => {
        assert.ok(read(lines.join("\n"), release).kind);
      }),
      { numRuns: 400 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...EVERY), (bytes, release) => {
        assert.ok(read(bytes, release).kind);
      }),
    );
  });
});
