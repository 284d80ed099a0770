import { decodeSource } from "../desired-state/decode-source.ts";
import { IssueLog } from "../desired-state/issue-log.ts";
import { createYamlBudget, parseYaml } from "../desired-state/parse-yaml.ts";
import type { SourceFile } from "../desired-state/source-file.ts";
import type { Tree } from "../desired-state/tree.ts";
import { hasErrors, type Issue, type Place } from "../issue.ts";
import type { Problem, RecordPath } from "./problem.ts";
import { readRecord } from "./read-record.ts";
import { readRolloutDraft } from "./read-rollout-draft.ts";
import type { RolloutDraft } from "./rollout-draft.ts";

export interface ParsedRolloutFile {
  /** Absent when there are errors. */
  readonly draft?: RolloutDraft;
  readonly issues: readonly Issue[];
}

/** A rollout as a person has written it, YAML or JSON, one document; what is left out is as in DEFAULT_ROLLOUT. */
export function parseRolloutFile(file: SourceFile): ParsedRolloutFile {
  const log = new IssueLog();
  const text = decodeSource(file, log);
  const trees = text === undefined ? [] : parseYaml(file.name, text, createYamlBudget(), log);
  const start: Place = { file: file.name, line: 1, column: 1 };
  const [tree, second] = trees;
  if (!log.hasErrors && (tree === undefined || second !== undefined))
    return {
      issues: [
        one(second?.at ?? start, tree === undefined ? "it is empty" : "it holds more than one document"),
      ],
    };
  if (hasErrors(log.issues) || tree === undefined) return { issues: log.issues };
  const read = readRecord(toValue(tree), "a rollout", readRolloutDraft);
  return read.ok
    ? { draft: read.value, issues: log.issues }
    : { issues: [...log.issues, ...read.problems.map((problem) => toIssue(problem, tree))] };
}

function one(at: Place, message: string): Issue {
  return {
    code: "rollout-value",
    severity: "error",
    at,
    message: `this is no file of a rollout: ${message}`,
    fix: "write one document with kind: Rollout",
  };
}

function toIssue({ code, path, message, fix }: Problem, tree: Tree): Issue {
  return { code, severity: "error", at: placeOf(tree, path), message, fix };
}

function toValue(tree: Tree): unknown {
  if (tree.kind === "list") return tree.items.map(toValue);
  if (tree.kind === "map")
    return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, toValue(value)]));
  return tree.value;
}

/** The nearest place there is: of the value, or of the mapping that lacks it. */
function placeOf(tree: Tree, path: RecordPath): Place {
  const [part, ...rest] = path;
  const inner =
    tree.kind === "map"
      ? tree.entries.get(String(part))?.value
      : tree.kind === "list"
        ? tree.items[Number(part)]
        : undefined;
  return part === undefined || inner === undefined ? tree.at : placeOf(inner, rest);
}
