import { encodeTomlKey, encodeTomlString } from "../../toml/encode-toml.ts";
import type { TomlStatement } from "../../toml/scan-toml.ts";
import { type ConfigText, isSamePath, startOfComments, startsWithPath } from "./config-text.ts";

/** How a file is written, so that what we add looks like its neighbourhood. */

/** The blanks before a statement. */
export function indentOf(config: ConfigText, statement: TomlStatement): string {
  return config.text.slice(statement.start, statement.start + statement.column - 1);
}

/** `[plugins."…".registry]`, quoted like the headers around it. */
export function headerText(config: ConfigText, path: readonly string[]): string {
  return `[${path.map((key) => encodeKeyLike(config, key)).join(".")}]`;
}

/** The indentation for a header at `path`: that of its closest relative, a level deeper where levels are indented. */
export function headerIndent(config: ConfigText, path: readonly string[]): string {
  const relative = closestHeader(config, path);
  if (relative === undefined) return "";
  const indent = indentOf(config, relative);
  // Levels without a header of their own do not count.
  const levels = Math.min(1, path.length - relative.path.length);
  const unit = levelUnit(config);
  if (levels >= 0) return indent + unit.repeat(levels);
  return unit === "" ? indent : indent.slice(0, Math.max(0, indent.length + levels * unit.length));
}

/** The indentation for the first key of a table whose header is indented by `indent`. */
export function keyIndent(config: ConfigText, indent: string, path: readonly string[]): string {
  const own = config.statements.findIndex((s) => s.kind === "table" && isSamePath(s.path, path));
  const firstOwn = config.statements[own + 1];
  if (own !== -1 && firstOwn?.kind === "key-value") return indentOf(config, firstOwn);
  for (const [index, header] of config.statements.entries()) {
    const first = config.statements[index + 1];
    if (header.kind !== "table" || first?.kind !== "key-value") continue;
    const [outer, inner] = [indentOf(config, header), indentOf(config, first)];
    if (inner.startsWith(outer)) return indent + inner.slice(outer.length);
  }
  return `${indent}  `;
}

/** Whether tables are set apart by blank lines. */
export function separatesTables(config: ConfigText): boolean {
  const headers = config.statements.filter(({ kind, start }) => kind === "table" && start > 1);
  const separated = headers.filter(({ start }) => {
    const at = startOfComments(config, start);
    return /\n[ \t]*\r?\n$/.test(config.text.slice(Math.max(0, at - 200), at));
  });
  return headers.length < 2 || separated.length * 2 >= headers.length;
}

/** A string in the quotes of the value it replaces. */
export function encodeStringLike(replaced: string, value: string): string {
  const isLiteral = replaced.startsWith("'") && !replaced.startsWith("'''") && isLiteralSafe(value);
  return isLiteral ? `'${value}'` : encodeTomlString(value);
}

function encodeKeyLike(config: ConfigText, key: string): string {
  const encoded = encodeTomlKey(key);
  return encoded.startsWith('"') && quotesPluginsLiterally(config) && isLiteralSafe(key)
    ? `'${key}'`
    : encoded;
}

function isLiteralSafe(value: string): boolean {
  return /^[^'\p{Cc}\p{Surrogate}]*$/u.test(value);
}

function quotesPluginsLiterally(config: ConfigText): boolean {
  const header = config.statements.find(
    ({ kind, path }) => kind === "table" && path[0] === "plugins" && path.length > 1,
  );
  return header !== undefined && config.text.slice(header.start, header.end).includes("'");
}

function closestHeader(config: ConfigText, path: readonly string[]): TomlStatement | undefined {
  const headers = config.statements.filter(({ kind }) => kind === "table");
  for (let length = path.length; length > 0; length--) {
    const related = headers.filter((header) => startsWithPath(header.path, path.slice(0, length)));
    if (related.length === 0) continue;
    return related.find((header) => header.path.length === path.length) ?? related[0];
  }
  return undefined;
}

/** What one more level of nesting adds to a header's indentation. */
function levelUnit(config: ConfigText): string {
  const headers = config.statements.filter(({ kind }) => kind === "table");
  for (const [index, outer] of headers.entries()) {
    const inner = headers.slice(index + 1).find(({ path }) => startsWithPath(path, outer.path));
    if (inner === undefined || inner.path.length <= outer.path.length) continue;
    const [from, to] = [indentOf(config, outer), indentOf(config, inner)];
    if (!to.startsWith(from)) continue;
    const added = to.slice(from.length);
    const levels = inner.path.length - outer.path.length;
    return added.length % levels === 0 ? added.slice(0, added.length / levels) : added;
  }
  return "";
}
