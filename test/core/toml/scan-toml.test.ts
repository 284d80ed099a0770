import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseToml } from "../../../src/core/toml/parse-toml.ts";
import { scanToml } from "../../../src/core/toml/scan-toml.ts";
import { arbitraryToml } from "../../support/arbitrary-toml.ts";

test("statements carry path, table, value range and place", () => {
  const text = `# top\r\nversion = 2 # two\r\n\r\n  [plugins."io.containerd.grpc.v1.cri".'registry']\r\n\tconfig_path . x= "a#b"`;
  const [version, header, pair] = scanToml(text);
  assert.deepEqual(version?.path, ["version"]);
  assert.equal(text.slice(version?.start, version?.end), "version = 2 # two\r\n");
  assert.deepEqual(header?.path, ["plugins", "io.containerd.grpc.v1.cri", "registry"]);
  assert.deepEqual([header?.line, header?.column, header?.valueStart], [4, 3, header?.end]);
  assert.deepEqual(pair?.path, ["config_path", "x"]);
  assert.deepEqual(pair?.table, header?.path);
  assert.deepEqual([pair?.line, pair?.column], [5, 2]);
  assert.equal(text.slice(pair?.valueStart, pair?.valueEnd), '"a#b"');
});

test("headers and keys inside strings, arrays and comments are not statements", () => {
  const text = 'a = """\n[x]\nb = 1\n"""\nc = [ # ]\n  "[y]", # {\n]\nd = { e = "}", f = [ "]" ] }\n# [z]\n';
  assert.deepEqual(
    scanToml(text).map((statement) => statement.path),
    [["a"], ["c"], ["d"]],
  );
});

test("statement ranges are in order, and with the gaps between them give the text", () => {
  fc.assert(
    fc.property(arbitraryToml(), (text) => {
      let at = 0;
      for (const { start, end, line } of scanToml(text)) {
        assert.ok(start >= at && end > start);
        assert.match(text.slice(at, start), /^\ufeff?(?:[ \t]*(?:#.*)?\r?\n)*$/);
        assert.equal(line, text.slice(0, start).split("\n").length);
        at = end;
      }
      assert.match(text.slice(at), /^(?:\ufeff|[\s]|#.*(?:\n|$))*$/);
    }),
  );
});

test("the statements rebuild the document that the parser sees", () => {
  let accepted = 0;
  fc.assert(
    fc.property(arbitraryToml(), (text) => {
      const parsed = parseToml(text);
      if (!parsed.ok) return;
      accepted++;
      assert.deepEqual(rebuild(text), toPlain(parsed.value));
    }),
    { numRuns: 400 },
  );
  assert.ok(accepted > 200, `only ${accepted} generated documents were TOML`);
});

test("text that is not TOML neither hangs nor throws", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(..."[]{}\"'#=., \n\r\\ab1"), { maxLength: 30 }), (chars) => {
      scanToml(chars.join(""));
    }),
    { numRuns: 500 },
  );
});

type Node = { [key: string]: unknown };

function rebuild(text: string): unknown {
  const root: Node = {};
  let table = root;
  for (const statement of scanToml(text)) {
    if (statement.kind === "key-value") {
      const raw = parseToml(`value = ${text.slice(statement.valueStart, statement.valueEnd)}`);
      assert.ok(raw.ok, text.slice(statement.valueStart, statement.valueEnd));
      descend(table, statement.path.slice(0, -1))[statement.path.at(-1) ?? ""] = toPlain(raw.value["value"]);
    } else if (statement.kind === "table") {
      table = descend(root, statement.path);
    } else {
      const parent = descend(root, statement.path.slice(0, -1));
      table = {};
      const name = statement.path.at(-1) ?? "";
      parent[name] = [...((parent[name] as unknown[] | undefined) ?? []), table];
    }
  }
  return root;
}

function descend(from: Node, path: readonly string[]): Node {
  let node = from;
  for (const key of path) {
    node[key] ??= {};
    const next = node[key];
    node = (Array.isArray(next) ? next.at(-1) : next) as Node;
  }
  return node;
}

// Dates compare by their text, tables without the parser's hidden symbols.
function toPlain(value: unknown): unknown {
  if (value instanceof Date) return `date ${String(value.getTime())}`;
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, toPlain(child)]));
}
