import { closestName } from "../../agent-config/closest-name.ts";
import type { IgnoredKey } from "../../containerd/hosts-toml/find-ignored.ts";
import { HOST_KEYS } from "../../containerd/hosts-toml/host-settings.ts";
import { isLoopbackHost } from "../../containerd/loopback.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { describeFate } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { looksLikeHost } from "./loose-hosts-file.ts";
import { readMeantUrl, showWritten } from "./meant-url.ts";
import { listReadFiles, type ReadFile } from "./read-hosts-files.ts";

/** Keys and tables that containerd reads past without a word. */
export function checkIgnoredKeys(context: HostsContext): readonly Finding[] {
  const { text } = context.view.version;
  return listReadFiles(context).flatMap((file) =>
    file.parsed.ignored.flatMap((key): readonly Finding[] => {
      if (isKnownElsewhere(key, file, text)) return [];
      const where = atFile({ file: file.file, line: key.line, column: key.column });
      return [{ where, consequence: describeFate(file.fate), ...explain(key, file, text) }];
    }),
  );
}

type Explained = Pick<Finding, "code" | "severity" | "fact" | "fix">;

function explain(key: IgnoredKey, { isMissed }: ReadFile, version: string): Explained {
  const name = showWritten(key.path.at(-1) ?? "");
  const table = showWritten(key.path[1] ?? "");
  switch (key.reason) {
    case "server-in-host-table":
      return {
        code: "server-in-host-table",
        severity: isMissed ? "error" : "warning",
        fact: `server stands below [host."${table}"], belongs to that table and means nothing there`,
        fix: "move the line to the top of the file, above the first header",
      };
    case "host-not-a-header":
      return {
        code: "host-table-unread",
        severity: isMissed ? "error" : "warning",
        fact: `containerd ${version} takes hosts from [host."…"] headers alone and reads past ${name}`,
        fix: `give it a header of its own, [host."${name}"], with its settings in lines below`,
      };
    case "unknown-in-this-version":
      return {
        code: "ignored-in-this-version",
        severity: "info",
        fact: `containerd ${version} does not know ${name} and reads past it; it came with 2.0.7`,
        fix: `delete the line, or upgrade containerd; until then a host that does not answer holds up each request for 30 s`,
      };
    case "unknown-key":
      return explainUnknown(key, isMissed);
  }
}

function explainUnknown({ path, line }: IgnoredKey, isMissed: boolean): Explained {
  const name = path.at(-1) ?? "";
  const shown = encodeTomlPath(path.map(showWritten));
  const meant = meantName(path);
  const decides = meant === undefined || ["host", "override_path", "server"].includes(meant);
  return {
    code: "ignored-key",
    severity: isMissed && decides ? "error" : meant === undefined ? "info" : "warning",
    fact: `containerd does not know ${shown} and reads past it`,
    fix: fixUnknown(path, name, meant) ?? `delete line ${line}`,
  };
}

function meantName(path: readonly string[]): string | undefined {
  const name = path.at(-1) ?? "";
  if (path.length > 1) return closestName(name, HOST_KEYS);
  const singular = name.toLowerCase().replace(/s$/, "");
  if (["host", "mirror", "endpoint"].includes(singular) || looksLikeHost(name)) return "host";
  return closestName(name, [...HOST_KEYS, "server", "host"]);
}

function fixUnknown(path: readonly string[], name: string, meant: string | undefined): string | undefined {
  const [, table = ""] = path;
  const isSplitName = path.length === 3 && !looksLikeHost(table) && meant === undefined;
  if (isSplitName) return `put the whole name in quotes: [host."https://${table}.${name}"]`;
  if (meant === "host" && path.length === 1)
    return looksLikeHost(name)
      ? `write the header [host."${showWritten(name)}"]`
      : 'write each host under a header [host."https://…"]';
  return meant === undefined ? undefined : `write ${meant} instead of ${showWritten(name)}`;
}

/** Keys of builds that know more, and a limit on dialling that makes no difference where nobody has to be dialled. */
function isKnownElsewhere({ path, reason }: IgnoredKey, { file }: ReadFile, version: string): boolean {
  const isRancher = /k3s|rke2/.test(version) || file.includes("/rancher/");
  if (path.length > 2 && path[2] === "rewrite" && isRancher) return true;
  return reason === "unknown-in-this-version" && isLoopbackHost(readMeantUrl(path[1] ?? "", false).host);
}
