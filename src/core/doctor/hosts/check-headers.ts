import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import type { ContainerdTraits } from "../../containerd/version.ts";
import { plainText } from "../../plain-text.ts";
import { describeFate } from "../fate.ts";
import type { Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { listReadFiles, placeOfEntry, type ReadFile } from "./read-hosts-files.ts";

/** Headers that Go does not send, or that containerd's own replace. Values are never told. */
export function checkHeaders(context: HostsContext): readonly Finding[] {
  const { traits, version } = context.view;
  return listReadFiles(context).flatMap((file) =>
    file.parsed.entries.flatMap((entry): readonly Finding[] => {
      const found = explainInvalid(entry, file) ?? explainReplaced(entry, traits, version.text);
      if (found === undefined) return [];
      return [{ where: placeOfEntry(file, entry), consequence: describeFate(file.fate), ...found }];
    }),
  );
}

type Explained = Pick<Finding, "code" | "severity" | "fact" | "fix"> & { readonly consequence?: string };

// https://pkg.go.dev/golang.org/x/net/http/httpguts: a token, and no control characters but the tabulator.
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const BAD_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]/;

function explainInvalid(entry: HostEntry, { fate }: ReadFile): Explained | undefined {
  const bad = entry.header?.find(
    ({ name, values }) => !NAME.test(name) || values.some((value) => BAD_VALUE.test(value)),
  );
  if (bad === undefined) return undefined;
  const name = plainText(bad.name);
  const host = entry.written === "" ? "the registry itself" : showWritten(entry.written);
  const isName = !NAME.test(bad.name);
  return {
    code: "header-invalid",
    severity: "error",
    fact: isName
      ? `${JSON.stringify(name)} cannot be the name of a header`
      : `the value of the header ${name} has a line break or another control character`,
    consequence: `no request to ${host} can be sent, so it is passed over; by the files, ${describeFate(fate)}`,
    fix: isName
      ? "write a name of letters, digits and hyphens"
      : "write the value in one line, without \\n at its end (base64 -w0)",
  };
}

/** Before 2.1 containerd's own goes in front of it and counts. */
function explainReplaced(
  { header = [] }: HostEntry,
  { hostHeadersGoEverywhere }: ContainerdTraits,
  version: string,
): Explained | undefined {
  const agent = header.find(({ name }) => name.toLowerCase() === "user-agent");
  if (agent === undefined || hostHeadersGoEverywhere) return undefined;
  return {
    code: "header-without-effect",
    severity: "info",
    fact: `containerd ${version} sends its own User-Agent, whatever is written; from 2.1 on this one counts`,
    fix: "delete the line, or have the mirror go by another header",
  };
}
