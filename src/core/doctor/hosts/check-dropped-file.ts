import { closestName } from "../../agent-config/closest-name.ts";
import type { HostsFile } from "../../containerd/hosts-toml/read-hosts-toml.ts";
import type { DropCode } from "../../containerd/hosts-toml/rejection.ts";
import { redactSecrets } from "../../redact-secrets.ts";
import { describeFate } from "../fate.ts";
import { atFile, type Finding, type FindingCode } from "../finding.ts";
import type { RulingDirectory } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";
import { readLooseHosts } from "./read-loose-hosts.ts";

type Unread = Extract<HostsFile, { readonly kind: "dropped" | "crashes" }>;

/** Files that a release drops whole, or dies of. */
export function checkDroppedFiles({ ruling, view }: HostsContext): readonly Finding[] {
  return ruling.flatMap((directory): readonly Finding[] => {
    const { parsed, text, path, fate } = directory;
    if (parsed.kind !== "dropped" && parsed.kind !== "crashes") return [];
    // All of it is commented out: what is lost with it is nothing.
    if (readLooseHosts(text).isBlank && parsed.kind === "dropped" && parsed.code === "no-host-table")
      return [];
    const does = parsed.kind === "crashes" ? "crashes at each pull of it" : "drops the whole file";
    return [
      {
        code: parsed.kind === "crashes" ? "hosts-file-crash" : CODES[parsed.code],
        severity: "error",
        where: atFile({ file: `${path}/hosts.toml`, line: parsed.line ?? 1, column: parsed.column ?? 1 }),
        fact: `containerd ${view.version.text} ${does}: ${showReason(parsed)}`,
        consequence: describeFate(fate),
        fix: mend(parsed, directory),
      },
    ];
  });
}

const CODES: Readonly<Record<DropCode, FindingCode>> = {
  syntax: "hosts-file-dropped",
  encoding: "hosts-file-dropped",
  bom: "hosts-file-bom",
  "header-bracket": "hosts-file-ipv6-header",
  "no-host-table": "hosts-file-no-host-table",
  type: "hosts-file-wrong-type",
  capability: "hosts-file-capability",
  url: "hosts-file-bad-url",
  duration: "hosts-file-bad-duration",
};

/** go-toml v1 tells the value it could not convert, which for a header may be a secret. */
function showReason({ reason }: Unread): string {
  return redactSecrets(reason.replace(/(Can't convert ).*(\(\w+\) to map)/s, "$1the value$2"));
}

function mend(parsed: Unread, { path, text }: RulingDirectory): string {
  const line = (parsed.line === undefined ? "" : text.split("\n")[parsed.line - 1]) ?? "";
  if (parsed.kind === "crashes")
    return 'have nothing but tables in [host]: move the key below its [host."URL"] header, or delete it';
  switch (parsed.code) {
    case "bom":
      return `sed -i '1s/^\\xEF\\xBB\\xBF//' ${path}/hosts.toml`;
    case "header-bracket":
      return mendBracket(line);
    case "no-host-table":
      return mendTables(line, text);
    case "capability":
      return mendCapability(parsed.reason);
    case "type":
      return mendType(line, headerAbove(text, parsed.line));
    case "url":
      return "write scheme://host:port, as https://mirror.example:5000, with a port that is a number";
    case "duration":
      return 'write a number with a unit, as dial_timeout = "3s"';
    default:
      return mendSyntax(line, parsed.reason);
  }
}

function mendTables(line: string, text: string): string {
  if (/^\s*host\s*=/.test(line))
    return 'write each host as a table of its own, [host."https://…"], in place of a value of host';
  // An empty [host] would have the file read, without the hosts that it means.
  const other = /^\s*\[{1,2}\s*["']?([\w-]+)["']?\s*\.\s*["']?https?:/m.exec(text)?.[1];
  return other === undefined
    ? "add a line [host] at the end of the file"
    : `write each host under a header [host."https://…"] instead of [${other}."https://…"]`;
}

function headerAbove(text: string, line = 1): string {
  return text.split("\n", line).findLast((each) => /^\s*\[/.test(each)) ?? "";
}

function mendBracket(line: string): string {
  return /\[[0-9a-f:]*:[0-9a-f:]*\]/i.test(line)
    ? 'use a DNS name in place of the IPv6 address; as server = "http://[…]:port", with an empty [host] below, the address works too'
    : "write the header without [ and ] inside the quotes";
}

function mendCapability(reason: string): string {
  const name = reason.replace(/^unknown capability /, "");
  if (name.toLowerCase() === "referrers") return 'leave "referrers" out; containerd knows it from 2.2 on';
  const parts = name.split(/[\s,;|+]+/).filter((part) => part !== "");
  const known = parts.map((part) => closestName(part, ["pull", "resolve", "push"]));
  if (known.length === 0 || known.includes(undefined))
    return `leave ${JSON.stringify(name)} out; capabilities are "pull", "resolve" and "push"`;
  return `write ${known.map((part) => JSON.stringify(part)).join(", ")} instead of ${JSON.stringify(name)}`;
}

const RIGHT: Readonly<Record<string, string>> = {
  capabilities: 'capabilities = ["pull", "resolve"]',
  ca: 'ca = "ca.crt"',
  client: 'client = [["client.cert", "client.key"]]',
  header: 'a table [host."URL".header] with lines name = "value"',
  server: 'server = "https://…"',
  dial_timeout: 'dial_timeout = "3s"',
};

function mendType(line: string, header: string): string {
  const key = /^\s*(?:[\w."'-]+\.)?["']?(\w+)["']?\s*=/.exec(line)?.[1]?.toLowerCase() ?? "";
  if (key === "skip_verify" && /^\s*\[host\.["']http:/.test(header))
    return "delete the line: a host that is asked over http has no certificate to verify";
  if (key === "skip_verify" || key === "override_path")
    return `write ${key} = ${/true|1|yes/i.test(line) ? "true" : "false"}, without quotes`;
  if (key === "host") return 'write each host as a table of its own: [host."https://…"]';
  const right = Object.hasOwn(RIGHT, key) ? RIGHT[key] : undefined;
  if (right !== undefined) return `write ${right}`;
  if (/^\s*\[\[/.test(line)) return 'write the header with one pair of brackets, [host."https://…"]';
  return 'put the value in quotes; a header has the form name = "value"';
}

function mendSyntax(line: string, reason: string): string {
  if (/already|duplicate|defined twice|redefine/i.test(reason))
    return "delete one of the two; what both say belongs into one table";
  if (/^\s*\[host\.https?:/i.test(line)) return `put the URL in quotes: [host."https://…"]`;
  if (/UTF-8/.test(reason)) return "save the file as UTF-8";
  const odd = (line.match(/(?<!\\)"/g)?.length ?? 0) % 2 === 1;
  if (/^\s*\[/.test(line) && (odd || !/\]\s*(?:#.*)?$/.test(line)))
    return 'close the header: [host."https://…"]';
  return odd
    ? "close the quotes on that line"
    : "mend the line; containerd reads the file again at the next pull";
}
