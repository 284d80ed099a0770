import type { Finding } from "../../src/core/doctor/finding.ts";
import type { NodeFiles } from "./doctored-node.ts";

/** The tree after somebody did what the fix says, and nothing else; undefined: it leaves something to be decided. */
export function applyFix(finding: Finding, files: NodeFiles): NodeFiles | undefined {
  for (const [pattern, act] of ACTIONS) {
    const match = pattern.exec(finding.fix);
    if (match !== null) return act(match.slice(1).map(String), files, finding);
  }
  return undefined;
}

type Act = (words: readonly string[], files: NodeFiles, finding: Finding) => NodeFiles | undefined;

const PATH = "([^\\s,;]+)";
const ACTIONS: readonly (readonly [RegExp, Act])[] = [
  [
    /^mv (\S+) (\S+) && mv (\S+) (\S+) && rmdir (\S+)$/,
    ([a, b, c, d], files) => move(c, d, move(a, b, files)),
  ],
  [new RegExp(`^(?:mkdir -p \\S+ && )?mv ${PATH} ${PATH}`), ([from, to], files) => move(from, to, files)],
  [
    new RegExp(`^move ${PATH} into ${PATH}; hosts`),
    ([from = "", to], files) => move(from, `${to}/${from.split("/").at(-1)}`, files),
  ],
  [/^rmdir (\S+)$/, ([path = ""], files) => without(path, files)],
  [
    /^set (config_path = "[^"]*") in line (\d+) of (\S+)/,
    ([text = "", line, file], files) => edit(file, files, (lines) => lines.with(Number(line) - 1, text)),
  ],
  [
    /^take it out of disabled_plugins in line (\d+) of ([^\s,]+)/,
    ([line, file], files) => edit(file, files, (lines) => lines.toSpliced(Number(line) - 1, 1)),
  ],
  [
    /^write `(version = \d)` at the top of (\S+)/,
    ([text = "", file], files) => edit(file, files, (lines) => [text, ...lines]),
  ],
  [/^write (\[plugins\..*\]) and restart|^write it as (\[plugins\..*\]) and restart/, replaceHeader],
  [
    /^set (version = 2) in line (\d+) of (\S+)/,
    ([text = "", line, file], files) => edit(file, files, (lines) => lines.with(Number(line) - 1, text)),
  ],
  [/^move it under (\[plugins\..*\]) and restart/, moveUnder],
  [
    /^write (\S+) instead of (\S+)$/,
    ([right = "", wrong = ""], files, finding) => at(finding, files, (line) => [line.replace(wrong, right)]),
  ],
  [/^write ((?:skip_verify|override_path) = \w+), without quotes$/, writeLine],
  [/^write (capabilities = \["pull", "resolve"\])$/, writeLine],
  [/^write (server = "https:\/\/registry-1\.docker\.io"), or leave/, writeLine],
  [
    /^write (\[host\."[^"]*"\]) and override_path = true below it$/,
    ([header = ""], files, finding) => at(finding, files, () => [header, "override_path = true"]),
  ],
  [
    /^write (https?:\/\/\S+)$/,
    ([url], files, finding) => at(finding, files, (line) => [line.replace(/"[^"]*"/, `"${url}"`)]),
  ],
  [
    /^put the URL in quotes/,
    (_, files, finding) => at(finding, files, (line) => [line.replace(/^(\s*\[host\.)(.*)\]/, '$1"$2"]')]),
  ],
  [
    /^sed -i '1s/,
    (_, files, { where }) =>
      where.kind === "file"
        ? edit(where.at.file, files, ([first = "", ...more]) => [first.replace("\ufeff", ""), ...more])
        : undefined,
  ],
  [
    /^add a line \[host\] at the end of the file$/,
    (_, files, { where }) =>
      where.kind === "file" ? edit(where.at.file, files, (lines) => [...lines, "[host]", ""]) : undefined,
  ],
  [/^move the line to the top of the file/, toTop],
  [/^delete (ca|client) below (\S+),/, deleteBelow],
];

function move(from = "", to = "", files: NodeFiles): NodeFiles {
  const rename = (path: string) =>
    path === from || path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : path;
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [rename(path), content]));
}

function without(directory: string, files: NodeFiles): NodeFiles {
  return Object.fromEntries(Object.entries(files).filter(([path]) => path !== directory));
}

type Lines = readonly string[];

function edit(file = "", files: NodeFiles, change: (lines: Lines) => Lines): NodeFiles | undefined {
  const content = files[file];
  if (typeof content !== "string") return undefined;
  return { ...files, [file]: change(content.split("\n")).join("\n") };
}

/** The line where the finding is. */
function at({ where }: Finding, files: NodeFiles, change: (line: string) => Lines): NodeFiles | undefined {
  if (where.kind !== "file") return undefined;
  const index = where.at.line - 1;
  return edit(where.at.file, files, (lines) => lines.toSpliced(index, 1, ...change(lines[index] ?? "")));
}

function writeLine([text = ""]: readonly string[], files: NodeFiles, finding: Finding) {
  return at(finding, files, () => [text]);
}

function replaceHeader(words: readonly string[], files: NodeFiles, finding: Finding) {
  const header = words.find((word) => word.startsWith("[")) ?? "";
  return at(finding, files, (line) => (line.startsWith("[") ? [header] : [line]));
}

function moveUnder([header = ""]: readonly string[], files: NodeFiles, { where }: Finding) {
  if (where.kind !== "file") return undefined;
  const { line } = where.at;
  return edit(where.at.file, files, (lines) => {
    const [first = "", ...rest] = lines.slice(line - 1);
    // What is to be moved is a key, or a table to its end.
    const isTable = first.startsWith("[");
    const next = rest.findIndex((each) => each.startsWith("["));
    const end = !isTable ? 0 : next < 0 ? rest.length : next;
    const moved = isTable ? rest.slice(0, end) : [first];
    return [...lines.slice(0, line - 1), ...rest.slice(end), header, ...moved, ""];
  });
}

function toTop(_: readonly string[], files: NodeFiles, { where }: Finding) {
  if (where.kind !== "file") return undefined;
  const index = where.at.line - 1;
  return edit(where.at.file, files, (lines) => [lines[index] ?? "", ...lines.toSpliced(index, 1)]);
}

function deleteBelow([key, host]: readonly string[], files: NodeFiles, { where }: Finding) {
  if (where.kind !== "file") return undefined;
  return edit(where.at.file, files, (lines) => {
    const header = lines.findIndex((line) => line.includes(`[host."${host}"]`));
    const index = lines.findIndex((line, i) => i > header && new RegExp(`^\\s*${key}\\s*=`).test(line));
    return lines.toSpliced(index, 1);
  });
}
