import type { Issue, Place } from "../../issue.ts";
import type { RegistryConfig } from "../registry-config.ts";
import { traitsOf } from "../version.ts";
import { getTable, parseConfigFile } from "./config-file.ts";
import { criPlugins } from "./cri-section.ts";
import type { ConfigEditRequest } from "./plan-config-edit.ts";
import type { WantedRegistries } from "./wanted-registries.ts";

/** What keeps the edited file from having its effect once all imports are merged; empty: it will. */
export function checkEffect(
  request: ConfigEditRequest,
  after: RegistryConfig,
  text: string,
): readonly Issue[] {
  const missed = findMissed(request.wanted, after);
  const replacing = findReplacingImport(request);
  if (missed !== undefined && replacing !== undefined) return [replacedIssue(request, replacing)];
  const overriding = findOverriding(request, after);
  if (overriding !== undefined) return [overriding];
  if (!after.criLoads.ok) return [criIssue(request, after.criLoads)];
  if (missed === undefined) return [];
  const at = { file: request.path, line: 1, column: 1 };
  const message = `the edited ${request.path} would not have its effect (${missed}), so nothing is written; this is an error in mirrorlet`;
  const fix = `report it with the file (${text.length} characters), secrets removed`;
  return [{ code: "containerd-config-edit-failed", severity: "error", at, message, fix }];
}

/** What an operator should know about a configuration that works. */
export function describeNotices(request: ConfigEditRequest, after: RegistryConfig): readonly Issue[] {
  const notices = after.ignored.map(({ section, at, reason }): Issue => {
    const message = `[${section}] has no effect: ${reason}`;
    return {
      code: "containerd-config-ignored",
      severity: "warning",
      at,
      message,
      fix: "remove it, or move it to the section in force",
    };
  });
  const replacing = findReplacingImport(request);
  if (replacing !== undefined) notices.push({ ...replacedIssue(request, replacing), severity: "warning" });
  if (traitsOf(request.version).transferService && request.wanted.auths.length > 0) {
    const message =
      "credentials in config.toml make containerd pull locally instead of through its transfer service";
    const fix = 'where the mirror takes Basic credentials, credentials = "header" in agent.toml avoids it';
    notices.push({
      code: "containerd-config-local-pull",
      severity: "warning",
      at: { file: request.path, line: 1, column: 1 },
      message,
      fix,
    });
  }
  return notices;
}

/** The wish that the merged configuration does not fulfil. */
function findMissed(wanted: WantedRegistries, after: RegistryConfig): string | undefined {
  const lacksAuth = wanted.auths.find(({ host, username, password }) => {
    const auth = after.configs.find((config) => config.host === host)?.auth;
    return auth?.username !== (username || undefined) || auth?.password !== (password || undefined);
  });
  if (lacksAuth !== undefined) return `no credentials for ${lacksAuth.host}`;
  if (wanted.style === "certs.d") {
    return after.configPath === wanted.configPath ? undefined : `config_path is "${after.configPath}"`;
  }
  const lacking = wanted.mirrors.find(({ namespace, endpoints }) => {
    const mirror = after.mirrors.find((candidate) => candidate.namespace === namespace);
    return JSON.stringify(mirror?.endpoints) !== JSON.stringify(endpoints);
  });
  if (lacking !== undefined) return `the endpoints of ${lacking.namespace} differ`;
  const tls = wanted.tls.find(
    ({ host }) => after.configs.find((config) => config.host === host)?.tls === undefined,
  );
  return tls && `no TLS settings for ${tls.host}`;
}

/** containerd 1.x: the last import that has the CRI plugin replaces the main file's section whole. */
function findReplacingImport({ imports, version }: ConfigEditRequest): Place | undefined {
  const traits = traitsOf(version);
  if (!traits.importsReplacePluginTables) return undefined;
  for (const source of imports.toReversed()) {
    const file = parseConfigFile(source, traits);
    if ("reason" in file) continue;
    const table = [criPlugins.grpc, criPlugins.short]
      .map((plugin) => getTable(file, ["plugins", plugin], traits))
      .find(Boolean);
    if (table !== undefined) return table.at;
  }
  return undefined;
}

function replacedIssue({ path }: ConfigEditRequest, at: Place): Issue {
  return {
    code: "containerd-config-import-replaces",
    severity: "error",
    at,
    message: `containerd 1.x takes CRI's whole section from this import: nothing in that section of ${path} counts, neither mirrors nor settings such as SystemdCgroup`,
    fix: `move the CRI settings of ${at.file} into ${path} and remove them here`,
  };
}

/** containerd 2.x: a value from an import that wins over ours, or that cannot stand beside it. */
function findOverriding({ path, wanted }: ConfigEditRequest, after: RegistryConfig): Issue | undefined {
  const elsewhere = (at: Place | undefined): at is Place => at !== undefined && at.file !== path;
  const wins = (at: Place, what: string): Issue => ({
    code: "containerd-config-import-overrides",
    severity: "error",
    at,
    message: `${at.file} sets ${what} and is loaded after ${path}, so mirrors would not be used as wanted`,
    fix: "remove it there",
  });
  const foreignPath = after.configPathWritten;
  const wantedPath = wanted.style === "certs.d" ? wanted.configPath : "";
  if (elsewhere(foreignPath?.at) && foreignPath?.value !== wantedPath)
    return wins(foreignPath.at, "registry.config_path");
  if (wanted.style === "certs.d") {
    const mirror = after.mirrors.find(({ at }) => elsewhere(at));
    if (mirror !== undefined)
      return wins(mirror.at, `registry.mirrors."${mirror.namespace}", which excludes config_path,`);
    const tls = after.configs.find(({ tlsAt }) => elsewhere(tlsAt));
    if (elsewhere(tls?.tlsAt))
      return wins(tls.tlsAt, `registry.configs."${tls.host}".tls, which excludes config_path,`);
  }
  const auth = after.configs.find(
    ({ host, authAt }) => elsewhere(authAt) && wanted.auths.some((own) => own.host === host),
  );
  return auth?.authAt && findMissed(wanted, after) !== undefined
    ? wins(auth.authAt, `credentials for ${auth.host}`)
    : undefined;
}

function criIssue(
  { path }: ConfigEditRequest,
  outcome: { readonly reason: string; readonly at: Place },
): Issue {
  return {
    code: "containerd-config-cri-fails",
    severity: "error",
    at: outcome.at,
    message: `containerd's CRI plugin does not load with this configuration (${outcome.reason}), so no pod could start; ${path} is left as it is`,
    fix: "correct that setting first",
  };
}
