import assert from "node:assert/strict";
import { test } from "node:test";
import { Lexer } from "yaml";
import { LIMITS } from "../../../src/core/desired-state/limits.ts";
import { type ResolveTextOptions, resolveText } from "./resolve-text.ts";

interface Limited {
  /** An input that has so many. */
  readonly of: (count: number) => string;
  readonly options?: (count: number) => ResolveTextOptions;
  /** What one more is refused with. */
  readonly code: string;
  /** A good desired state up to the limit, and not only one that breaks no such limit. */
  readonly isGood?: true;
}

const GOOD = "registryMirrors: [{endpoint: https://m.example, hosts: [gcr.io]}]\n";
const ANCHOR = "a: &a x\n";
const list = <T>(count: number, item: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => item(index));
const pad = (text: string, count: number, filler: string): string =>
  text + filler.repeat(count - text.length);
const lexemesOf = (text: string): number => [...new Lexer().lex(text)].length;

/** Nearly as many tokens as wanted by list items, the rest by empty lines. An anchor leads to the full parser. */
function tokens(count: number): string {
  const [one, two] = [itemsOf(1), itemsOf(2)].map(lexemesOf) as [number, number];
  const items = Math.floor((count - one) / (two - one)) - 10;
  return itemsOf(items) + "\n".repeat(count - one - (items - 1) * (two - one));
}

const itemsOf = (count: number): string => `${ANCHOR}b: [${"x , ".repeat(count)}]\n`;

/** Every limit has a row: the compiler sees to it. */
const rows: Readonly<Record<keyof typeof LIMITS, Limited>> = {
  sourceBytes: { of: (count) => pad(`${GOOD}#`, count, "x"), code: "too-large", isGood: true },
  namedFileBytes: {
    of: () => "registryMirrors: [{endpoint: https://m.example, hosts: [gcr.io], caCertPath: /ca}]\n",
    options: (count) => ({ files: { "/ca": pad("", count, "x") } }),
    code: "file-too-large",
  },
  depth: {
    of: (count) =>
      list(count, (depth) => `${" ".repeat(depth)}a:${depth === count - 1 ? " x" : ""}\n`).join(""),
    code: "too-deep",
  },
  tokens: { of: tokens, code: "too-many-nodes" },
  // A comment a line: the lines alone are too many.
  lines: { of: (count) => GOOD + "#\n".repeat(count - 1), code: "too-many-nodes", isGood: true },
  // The mapping, its keys, the value of the first, the list.
  nodes: { of: (count) => `a: x\nb:\n${"- x\n".repeat(count - 5)}`, code: "too-many-nodes" },
  aliases: { of: (count) => `${ANCHOR}b: [${"*a,".repeat(count)}]\n`, code: "yaml-alias" },
  keyLength: { of: (count) => `${"k".repeat(count)}: x\n`, code: "key-not-text" },
  mirrorsPerNamespace: {
    of: (count) =>
      JSON.stringify({
        registryMirrors: list(count, (i) => ({ endpoint: `https://m${i}.example`, hosts: ["gcr.io"] })),
      }),
    code: "too-many-mirrors",
    isGood: true,
  },
  canaries: {
    of: (count) =>
      JSON.stringify({
        apiVersion: "mirrorlet/v1",
        kind: "RegistryMirrors",
        registryMirrors: [{ endpoint: "https://m.example", hosts: ["gcr.io"] }],
        canaries: list(count, (i) => `gcr.io/team/canary${i}:1`),
      }),
    code: "canary-invalid",
    isGood: true,
  },
  issues: {
    of: (count) =>
      JSON.stringify({
        registryMirrors: list(count, (i) => ({ endpoint: `ftp://m${i}.example`, hosts: [`r${i}.example`] })),
      }),
    code: "too-many-issues",
  },
};

for (const [name, { of, options, code, isGood }] of Object.entries(rows)) {
  test(`${name}: what is within the limit is not refused for it, one more is`, () => {
    const limit = LIMITS[name as keyof typeof LIMITS];
    for (const count of [limit - 1, limit, limit + 1]) {
      const { state, issues } = resolveText(of(count), options?.(count));
      const codes = issues.map((issue) => issue.code as string);
      assert.equal(codes.includes(code), count > limit, `${count}: ${codes.slice(0, 3)}`);
      if (count > limit) assert.equal(state, undefined, "rejected whole");
      else if (isGood === true) assert.ok(state, JSON.stringify(issues[0]));
    }
  });
}
