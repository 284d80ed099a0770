import fc from "fast-check";

/** TOML documents with every kind of statement, value, quoting, comment, newline and indentation. */
export function arbitraryToml(): fc.Arbitrary<string> {
  return fc
    .record({
      top: fc.uniqueArray(arbitraryPair, { selector: (pair) => pair.name, maxLength: 3 }),
      tables: fc.uniqueArray(arbitraryTable, { selector: (table) => table.name, maxLength: 4 }),
      newline: fc.constantFrom("\n", "\r\n"),
      bom: fc.boolean(),
      endsWithNewline: fc.boolean(),
    })
    .map(({ top, tables, newline, bom, endsWithNewline }) => {
      const blocks = [top.map(renderPair).join(""), ...tables.map((table) => renderTable(table))];
      const text = blocks.join("").replaceAll("\n", newline);
      return (bom ? "\ufeff" : "") + (endsWithNewline ? text : text.trimEnd());
    });
}

const blank = fc.constantFrom("", " ", "\t", "  ");
const trivia = fc.constantFrom("", "\n", '# a [comment] = "x\n', "  # it's\n\n", "\n\t\n");
const inner = fc.constantFrom("", " ", "\n", '# ] } "\n\t', "\n  # ''' \"\"\"\n  ");

const scalar = fc.oneof(
  fc.constantFrom(
    "1",
    "-17",
    "0x1F",
    "1_000",
    "9223372036854775807",
    "1.0",
    "6.02e23",
    "inf",
    "true",
    "false",
  ),
  fc.constantFrom("1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "1979-05-27", "07:32:00"),
  fc.string({ maxLength: 8 }).map((value) => JSON.stringify(value).replaceAll("\u007f", "\\u007F")),
  fc.constantFrom("''", "'C:\\path\\'", "'\"#]}'", '"\\\\"', '"a\\"# ]"', '""'),
  fc.constantFrom(
    '"""\n[x]\ny = 1 # """',
    '""""two""" quotes"""""',
    '"""a\\"""b"""',
    "'''\n''\n'''",
    "''''x'''''",
  ),
);

const value: fc.Arbitrary<string> = fc.letrec<{ value: string; array: string; table: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, scalar, tie("array"), tie("table")),
  // One kind of element an array: @iarna/toml, like go-toml v1, knows TOML 0.5 arrays.
  array: fc
    .tuple(
      fc.constantFrom("1", "'x'", '"#]"', "[1]", "{a = 1}", "true"),
      fc.nat({ max: 3 }),
      inner,
      fc.boolean(),
    )
    .map(([item, count, gap, trailing]) => {
      const items = Array.from({ length: count }, () => `${gap}${item}${gap}`);
      return `[${items.join(",")}${trailing && count > 0 ? "," : ""}${gap}]`;
    }),
  table: fc
    .uniqueArray(fc.tuple(fc.constantFrom("a", '"b.c"', "'d'", "e.f", "g"), tie("value"), blank), {
      selector: ([key]) => key,
      maxLength: 3,
    })
    .map((pairs) => `{${pairs.map(([key, val, gap]) => `${gap}${key}${gap}=${gap}${val}${gap}`).join(",")}}`),
})).value;

interface Pair {
  readonly name: string;
  readonly before: string;
  readonly indent: string;
  readonly gap: string;
  readonly value: string;
  readonly comment: string;
}

const arbitraryPair: fc.Arbitrary<Pair> = fc.record({
  name: fc.constantFrom("a", "b-c", '"q.r"', "'s t'", "d.e", "d . 'f'", '"\\u0041"', "1", '""', "version"),
  before: trivia,
  indent: blank,
  gap: blank,
  value,
  comment: fc.constantFrom("", " # why = 'x", "\t#]", "  "),
});

function renderPair(pair: Pair): string {
  return `${pair.before}${pair.indent}${pair.name}${pair.gap}=${pair.gap}${pair.value}${pair.comment}\n`;
}

const arbitraryTable = fc.record({
  name: fc.constantFrom("t", "t.u", '"io.x.v1".y', "'io.z'", "w . 'x y'", "v.w.x.y", "[l]", "[l2.m]"),
  before: trivia,
  indent: blank,
  comment: fc.constantFrom("", " # [t]", "  "),
  repeat: fc.boolean(),
  pairs: fc.uniqueArray(arbitraryPair, { selector: (pair) => pair.name, maxLength: 3 }),
});

function renderTable(table: typeof arbitraryTable extends fc.Arbitrary<infer T> ? T : never): string {
  const text = `${table.before}${table.indent}[${table.name}]${table.comment}\n${table.pairs.map(renderPair).join("")}`;
  return table.repeat && table.name.startsWith("[") ? text + text : text;
}
