import type { Place } from "../issue.ts";
import { collectNeeds } from "./collect-needs.ts";
import { decodeSource } from "./decode-source.ts";
import { IssueLog } from "./issue-log.ts";
import { LIMITS } from "./limits.ts";
import { parseDocument } from "./parse-document.ts";
import { type WidenedSource, warnWidened } from "./parse-image-mirror-sets.ts";
import { createYamlBudget, parseYaml } from "./parse-yaml.ts";
import type { Fragment, Material, MirrorWish, ParsedDesiredState, ParsedSecret } from "./parsed-state.ts";
import type { SourceFile } from "./source-file.ts";

export interface ParseOptions {
  /** Directory with Secret documents, for forms that name Secrets. */
  readonly secretsDir?: string;
  /** Docker config with credentials for mirrors that name none. */
  readonly pullSecret?: string;
}

/**
 * Understands the documents of all files together, whatever form each has. Reports every issue at once, never
 * throws, reads no file: what it needs read is in `needs` and `secretsDir`.
 */
export function parseDesiredState(files: readonly SourceFile[], options: ParseOptions): ParsedDesiredState {
  const log = new IssueLog();
  const { fragments, widened } = parseFiles(files, log);
  warnWidened(widened, log);
  const start: Place = { file: files[0]?.name ?? "desired state", line: 1, column: 1 };
  if (files.length === 0)
    log.error("empty-input", start, "there is no desired state to read; nothing is changed", "name a file");
  const merged = mergeFragments(fragments);
  if (fragments.length > 0) checkNotEmpty(merged, start, log);
  const at = (file: string): Place => ({ file, line: 1, column: 1 });
  const pullSecret = options.pullSecret
    ? { text: options.pullSecret, at: at(options.pullSecret) }
    : undefined;
  const missing = firstMissingSecret(merged.wishes, merged.secrets);
  const secretsDir = options.secretsDir && missing ? { text: options.secretsDir, at: missing.at } : undefined;
  const parsed = { ...merged, ...(pullSecret && { pullSecret }), ...(secretsDir && { secretsDir }) };
  checkCanaryCount(parsed, log);
  return { ...parsed, issues: log.issues, needs: collectNeeds(parsed) };
}

/** The Secrets in files of `secrets_dir`; documents of other kinds are left alone. */
export function parseSecretFiles(files: readonly SourceFile[], log: IssueLog): readonly ParsedSecret[] {
  const budget = createYamlBudget();
  return files.flatMap((file) => {
    const text = decodeSource(file, log);
    const trees = text === undefined ? [] : parseYaml(file.name, text, budget, log);
    return trees.flatMap((tree) =>
      parseDocument(tree, log, "secrets").flatMap(({ secrets = [] }) => secrets),
    );
  });
}

type Merged = Omit<ParsedDesiredState, "issues" | "needs" | "secretsDir" | "pullSecret">;

function parseFiles(
  files: readonly SourceFile[],
  log: IssueLog,
): { fragments: Fragment[]; widened: WidenedSource[] } {
  const budget = createYamlBudget();
  const fragments: Fragment[] = [];
  const widened: WidenedSource[] = [];
  for (const file of files) {
    const text = decodeSource(file, log);
    if (text === undefined) continue;
    const before = log.count;
    const trees = parseYaml(file.name, text, budget, log);
    if (trees.length === 0 && log.count === before) reportEmpty(file.name, log);
    for (const tree of trees) {
      for (const fragment of parseDocument(tree, log, "all")) {
        fragments.push(fragment);
        if ("widened" in fragment) widened.push(...(fragment.widened as readonly WidenedSource[]));
      }
    }
  }
  return { fragments, widened };
}

function reportEmpty(file: string, log: IssueLog): void {
  const message =
    "the file holds no document, only blank lines or comments; that is taken for an accident and nothing is changed";
  const fix =
    "write a desired state; to remove every mirror, registryMirrors: [] with allowMassRemoval: true";
  log.error("empty-input", { file, line: 1, column: 1 }, message, fix);
}

function mergeFragments(fragments: readonly Fragment[]): Merged {
  return {
    generation: fragments.reduce((highest, { generation = 0 }) => Math.max(highest, generation), 0),
    allowMassRemoval: fragments.some(({ allowMassRemoval }) => allowMassRemoval === true),
    canaries: fragments.flatMap(({ canaries = [] }) => canaries),
    wishes: fragments.flatMap(({ wishes = [] }) => wishes),
    namespaces: new Set(fragments.flatMap(({ namespaces = [] }) => namespaces)),
    upstreamRules: fragments.flatMap(({ upstreamRules = [] }) => upstreamRules),
    upstreamCredentials: fragments.flatMap(({ upstreamCredentials = [] }) => upstreamCredentials),
    secrets: fragments.flatMap(({ secrets = [] }) => secrets),
  };
}

function checkNotEmpty(merged: Merged, start: Place, log: IssueLog): void {
  if (merged.namespaces.size > 0 || merged.allowMassRemoval) return;
  if (log.hasErrors) return;
  const message =
    "the input names no mirror for any registry, which would send every pull to the upstreams; nothing is changed";
  log.error(
    "empty-registries",
    start,
    message,
    "add registryMirrors; to remove every mirror write registryMirrors: [] with allowMassRemoval: true",
  );
}

function firstMissingSecret(
  wishes: readonly MirrorWish[],
  secrets: readonly ParsedSecret[],
): Material | undefined {
  const present = new Set(secrets.map(({ name, namespace }) => `${namespace}/${name}`));
  const named = wishes.flatMap(({ mirrors }) =>
    mirrors.flatMap(({ ca, credential }) => [
      ...(ca ? [ca] : []),
      ...(credential?.kind === "docker-config" ? [credential.source] : []),
    ]),
  );
  return named.find((ref) => ref.kind === "secret" && !present.has(`${ref.namespace}/${ref.name}`));
}

function checkCanaryCount({ canaries }: Pick<ParsedDesiredState, "canaries">, log: IssueLog): void {
  const extra = canaries[LIMITS.canaries];
  if (extra === undefined) return;
  log.error(
    "canary-invalid",
    extra.at,
    `more than ${LIMITS.canaries} canaries would load the mirror and this node`,
    "keep one or two for each mirror",
  );
}
