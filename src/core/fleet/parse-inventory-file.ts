import { decodeSource } from "../desired-state/decode-source.ts";
import { IssueLog } from "../desired-state/issue-log.ts";
import type { SourceFile } from "../desired-state/source-file.ts";
import { quote } from "../desired-state/text.ts";
import type { Issue } from "../issue.ts";
import { isLabelKey, isLabelValue, isNodeName } from "../signing/selector.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import type { InventoryEntry } from "./inventory.ts";

export interface ParsedInventory {
  /** Of no use when there are errors. */
  readonly entries: ReadonlyMap<string, InventoryEntry>;
  readonly issues: readonly Issue[];
}

const MOST_ISSUES = 20;

/**
 * An inventory as text: a line for each node, its id and then its labels, `n1 class=gpu zone=a`; `#` begins a comment. All
 * that is wrong is told at once, up to a limit.
 */
export function parseInventoryFile(file: SourceFile): ParsedInventory {
  const log = new IssueLog();
  const entries = new Map<string, InventoryEntry>();
  const lines = (decodeSource(file, log) ?? "").split(/\r?\n/);
  const wrong: Issue[] = [];
  for (const [index, text] of lines.entries()) {
    if (wrong.length >= MOST_ISSUES) break;
    const words = text.replace(/#.*$/, "").split(/\s+/).filter(Boolean);
    if (words.length === 0) continue;
    const read = readInventoryWords(words);
    const id = words[0] ?? "";
    const at = { file: file.name, line: index + 1, column: 1 };
    const again = { message: `${id} is there twice`, fix: "write one line for each node" };
    const refusal = "message" in read ? read : entries.has(id) ? again : undefined;
    if (refusal !== undefined) wrong.push({ code: "inventory-value", severity: "error", at, ...refusal });
    else if ("labels" in read) entries.set(id, read);
  }
  return { entries, issues: [...log.issues, ...wrong] };
}

/** `n1 class=gpu zone=a`, in words; or what is wrong with them. */
export function readInventoryWords(
  words: readonly string[],
): InventoryEntry | { readonly message: string; readonly fix: string } {
  const [id = "", ...rest] = words;
  if (!isNodeName(id))
    return {
      message: `${quote(id)} is no id of a node`,
      fix: "write the id of its certificate, as n1.example",
    };
  const labels = new Map<string, string>();
  for (const word of rest) {
    const [key = "", value = "", ...more] = word.split("=");
    if (more.length > 0 || !isLabelKey(key) || !isLabelValue(value))
      return { message: `${quote(word)} is no label`, fix: "write key=value, as class=gpu" };
    if (labels.has(key)) return { message: `${id} has ${quote(key)} twice`, fix: "write it once" };
    labels.set(key, value);
  }
  if (labels.size > FLEET_LIMITS.labelKeys)
    return { message: `${id} has more than ${FLEET_LIMITS.labelKeys} labels`, fix: "leave some out" };
  return { labels: Object.fromEntries(labels) };
}

/** What `parseInventoryFile` reads back to the same: nodes and labels sorted. */
export function formatInventory(entries: Iterable<readonly [id: string, entry: InventoryEntry]>): string {
  const lines = [...entries].map(([id, { labels }]) =>
    [
      id,
      ...Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .toSorted(),
    ].join(" "),
  );
  return lines
    .toSorted()
    .map((line) => `${line}\n`)
    .join("");
}
