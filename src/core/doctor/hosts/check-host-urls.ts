import { closestName } from "../../agent-config/closest-name.ts";
import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { HOST_KEYS } from "../../containerd/hosts-toml/host-settings.ts";
import { describeFate } from "../fate.ts";
import type { Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { readMeantUrl, showWritten } from "./meant-url.ts";
import {
  hasTlsKeys,
  listReadFiles,
  placeOfEntry,
  portOf,
  type ReadFile,
  roleOfEntry,
  writtenEntries,
} from "./read-hosts-files.ts";

/** Hosts that are written in a way that leads elsewhere than meant, or nowhere. */
export function checkHostUrls(context: HostsContext): readonly Finding[] {
  return listReadFiles(context).flatMap((file) =>
    distinctEntries(file).flatMap((entry): readonly Finding[] => {
      const found = explainUrl(entry, file);
      if (found === undefined) return [];
      return [{ where: placeOfEntry(file, entry), consequence: describeFate(file.fate), ...found }];
    }),
  );
}

function distinctEntries(file: ReadFile): readonly HostEntry[] {
  const entries = writtenEntries(file);
  return entries.filter((entry, index) => entries.findIndex(({ line }) => line === entry.line) === index);
}

type Explained = Pick<Finding, "code" | "severity" | "fact" | "fix">;

/** One cause a host: the first that there is. */
function explainUrl(entry: HostEntry, file: ReadFile): Explained | undefined {
  return (
    explainUnreachable(entry) ?? explainPath(entry, file) ?? explainScheme(entry) ?? explainDropped(entry)
  );
}

/** User-info, query and fragment: read, and thrown away. */
function explainDropped({ written }: HostEntry): Explained | undefined {
  const hasLogin = /^(?:https?:\/\/)?[^/?#]*@/.test(written);
  if (!hasLogin && !/[?#]/.test(written)) return undefined;
  const shown = showWritten(written);
  return {
    code: "url-part-dropped",
    severity: "warning",
    fact: hasLogin
      ? `containerd leaves the user and password of ${shown} out of its requests`
      : `containerd leaves what follows ${shown} out of its requests`,
    fix: hasLogin
      ? 'write them as authorization = "Basic …" below a header table of the host'
      : `write ${shown}; what else the mirror needs can be in its path or in a header`,
  };
}

function explainUnreachable(entry: HostEntry): Explained | undefined {
  const { written, isRoot, host, scheme } = entry;
  if (host !== "" && isNoPort(portOf(entry))) return explainPort(entry);
  const meant = readMeantUrl(written, false);
  const isWebScheme = /^https?:\/\//.test(written);
  const isOther = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) && !isWebScheme;
  if (host !== "" && !isOther && (scheme === "http" || scheme === "https")) return undefined;
  const shown = showWritten(written);
  const becomes = isRoot && host === "" ? "counts as no server at all" : "can never be reached";
  const what = isRoot ? "server = " : "the host ";
  return {
    code: "host-never-reached",
    severity: "error",
    fact: `${what}"${shown}" ${becomes}: ${whyUnreachable(written, meant.scheme)}`,
    fix: mendUnreachable(meant.scheme, shown, meant.host),
  };
}

function isNoPort(port: string): boolean {
  return port !== "" && (Number(port) > 65_535 || Number(port) === 0);
}

function explainPort(entry: HostEntry): Explained {
  return {
    code: "host-never-reached",
    severity: "error",
    fact: `${entry.isRoot ? "server = " : "the host "}"${showWritten(entry.written)}" can never be reached: there is no port ${portOf(entry)}`,
    fix: "write the port that the mirror listens on, 1 to 65535",
  };
}

function whyUnreachable(written: string, scheme: string | undefined): string {
  if (scheme !== undefined && scheme !== "http" && scheme !== "https")
    return `containerd speaks http and https, not ${scheme}`;
  if (/^https?:/i.test(written) && !/^https?:/.test(written)) return "a scheme counts in lower case only";
  if (scheme === undefined && /^http/.test(written))
    return "a name that begins with http is taken for a URL with its scheme";
  return "no host can be read out of it";
}

function mendUnreachable(scheme: string | undefined, shown: string, host: string): string {
  if (scheme === "http" || scheme === "https")
    return `write ${scheme}://${shown.replace(/^https?:?\/*/i, "")}`;
  if (scheme === undefined && host !== "") return `write https://${shown}, or http://${shown}`;
  return "put a listener on 127.0.0.1 in front of it and write http://127.0.0.1:PORT";
}

function explainPath(entry: HostEntry, file: ReadFile): Explained | undefined {
  const { written, path } = entry;
  const shown = showWritten(written);
  if (/^\/v2\/.+\/v2$/.test(path) && !isOverrideMisspelt(entry, file)) {
    const right = shown.replace(/\/+$/, "").replace(/(\/v2\/.+)\/v2$/, "$1");
    return {
      code: "api-path-twice",
      severity: "error",
      fact: `requests go to ${path}/<repository>/…, with /v2 twice`,
      fix: entry.isRoot
        ? `write server = "${right}" and override_path = true below it, at the top of the file`
        : `write [host."${right}"] and override_path = true below it`,
    };
  }
  const isOverridden = !path.endsWith("/v2") && !/^\/v2\//.test(path);
  if (!isOverridden || /\/v2\//.test(path) || roleOfEntry(file, entry) === "witness") return undefined;
  return {
    code: "api-path-missing",
    severity: "warning",
    fact: `with override_path, requests go to ${path}/<repository>/…, without /v2, where hardly any registry answers`,
    fix: "delete override_path, or write the whole path, as https://host/v2/project",
  };
}

/** Then the misspelt key is what has to be mended. */
function isOverrideMisspelt({ written }: HostEntry, { parsed }: ReadFile): boolean {
  return parsed.ignored.some(({ path }) => {
    const isOfHost = path.length === 1 || path[1] === written;
    return isOfHost && closestName(path.at(-1) ?? "", HOST_KEYS) === "override_path";
  });
}

const PLAIN_PORTS = new Set(["80", "5000", "5001", "8080"]);

function explainScheme(entry: HostEntry): Explained | undefined {
  const { written, scheme } = entry;
  const port = portOf(entry);
  const isWritten = written.startsWith("http");
  const shown = showWritten(written);
  if (!isWritten && PLAIN_PORTS.has(port) && !hasTlsKeys(entry))
    return {
      code: "host-scheme-unlikely",
      severity: "warning",
      fact: `${shown} has no scheme, so containerd speaks https to port ${port}`,
      fix: `write http://${shown} if the mirror speaks plain http, else https://${shown}`,
    };
  const other =
    scheme === "https" && port === "80" ? "http" : scheme === "http" && port === "443" ? "https" : "";
  if (other === "") return undefined;
  return {
    code: "host-scheme-unlikely",
    severity: "warning",
    fact: `containerd speaks ${scheme} to port ${port} of ${shown}`,
    fix: `write ${shown.replace(/^https?/, other)}`,
  };
}
