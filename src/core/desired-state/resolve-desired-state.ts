import { hasErrors, type Issue } from "../issue.ts";
import { checkCanaries } from "./check-canaries.ts";
import { checkUnchangeable, checkUnreadable } from "./check-exposure.ts";
import type { DesiredState, Mirror } from "./desired-state.ts";
import { IssueLog, sortIssues } from "./issue-log.ts";
import { MaterialReader } from "./material-reader.ts";
import { mergeRegistries } from "./merge-registries.ts";
import { parseSecretFiles } from "./parse-desired-state.ts";
import type { ParsedDesiredState, ParsedMirror } from "./parsed-state.ts";
import type { FilesRead, ResolveContext, SecretFile } from "./resolve-context.ts";
import { resolveMirror } from "./resolve-mirror.ts";
import { resolveUpstreamCredentials } from "./resolve-upstream-credentials.ts";

/** `state` is absent when any issue is an error. */
export interface ResolvedDesiredState {
  readonly state?: DesiredState;
  readonly issues: readonly Issue[];
}

/** Puts in the contents of the named files, checks them and merges what several entries say of one namespace. */
export function resolveDesiredState(
  parsed: ParsedDesiredState,
  read: FilesRead,
  context: ResolveContext,
): ResolvedDesiredState {
  const log = new IssueLog();
  // Later ones win: what the input itself says goes before a file left in secrets_dir.
  const secrets = [...parseSecretFiles(trustedSecrets(read.secrets, log), log), ...parsed.secrets];
  const materials = new MaterialReader(read.files, secrets, log);
  const pullSecret =
    parsed.pullSecret &&
    materials.dockerConfig({ kind: "file", path: parsed.pullSecret.text, at: parsed.pullSecret.at });
  const mirrors = new Map<ParsedMirror, Mirror>();
  for (const mirror of new Set(parsed.wishes.flatMap((wish) => wish.mirrors))) {
    const resolved = resolveMirror(mirror, materials, pullSecret, context, log);
    if (resolved !== undefined) mirrors.set(mirror, resolved);
  }
  const registries = mergeRegistries(parsed, mirrors, context.containerdVersion, log);
  const upstreamCredentials = resolveUpstreamCredentials(parsed.upstreamCredentials, materials, log);
  const canaries = checkCanaries(parsed, log);
  const issues = sortIssues([...parsed.issues, ...log.issues]);
  if (hasErrors(issues)) return { issues };
  const { generation, allowMassRemoval } = parsed;
  return { state: { generation, registries, upstreamCredentials, canaries, allowMassRemoval }, issues };
}

function trustedSecrets(secrets: readonly SecretFile[], log: IssueLog): readonly SecretFile[] {
  return secrets.filter(({ name, exposure }) => {
    const at = { file: name, line: 1, column: 1 };
    const whose = `the file of Secrets ${name}`;
    checkUnreadable(exposure, whose, name, at, log);
    return checkUnchangeable(exposure, whose, at, log);
  });
}
