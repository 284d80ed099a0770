import { holdsCertificate } from "../../containerd/pem.ts";
import { describeFate, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import { nameIn, type RulingDirectory } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";
import { hasTlsKeys, listReadFiles, type ReadFile } from "./read-hosts-files.ts";

/** TLS files that nobody names: Docker's layout, where it counts and where it does not. */
export function checkDockerLayout(context: HostsContext): readonly Finding[] {
  return [...context.ruling.flatMap(checkNames), ...listReadFiles(context).flatMap(checkUnread)];
}

/** Without a hosts.toml, `.crt` is a CA and `.cert` with `.key` a client's. */
function checkNames(directory: RulingDirectory): readonly Finding[] {
  const { files, parsed, path, fate, namespace } = directory;
  if (parsed.kind !== "absent-or-empty") return [];
  const names = new Set(files.map((file) => nameIn(file.path)));
  return [...names].flatMap((name): readonly Finding[] => {
    const stem = /^(.+)\.key$/.exec(name)?.[1];
    if (stem === undefined || names.has(`${stem}.cert`)) return [];
    const other = [".crt", ".pem"].map((suffix) => stem + suffix).find((each) => names.has(each));
    return [
      {
        code: "docker-certs-name",
        severity: "warning",
        where: atPath(`${path}/${name}`),
        fact: `${name} is read together with ${stem}.cert, which is not there${other?.endsWith(".crt") === true ? `; ${other} counts as a CA` : ""}`,
        consequence: `${nameNamespace(namespace)} is asked without a client certificate; ${describeFate(fate)}`,
        fix:
          other === undefined
            ? `put the certificate into ${path}/${stem}.cert`
            : `mv ${path}/${other} ${path}/${stem}.cert`,
      },
    ];
  });
}

/** Beside a hosts.toml, a file counts only if a host names it. */
function checkUnread(file: ReadFile): readonly Finding[] {
  const { files, parsed, fate } = file;
  const bare = parsed.entries.find(
    (entry) => entry.scheme === "https" && !entry.isRoot && !hasTlsKeys(entry),
  );
  if (bare === undefined) return [];
  const named = new Set(parsed.entries.flatMap(({ ca = [], client = [] }) => [...ca, ...client.flat()]));
  const unread = files.find((each) => {
    return /\.(?:crt|cert|pem)$/.test(each.path) && !named.has(each.path) && holdsCertificate(each.bytes);
  });
  if (unread === undefined) return [];
  return [
    {
      code: "certificate-unread",
      severity: "info",
      where: atPath(unread.path),
      fact: `no host names ${nameIn(unread.path)}, and beside a hosts.toml nothing else counts`,
      consequence: `${describeFate(fate)}, with what the system trusts alone`,
      fix: `write ca = "${nameIn(unread.path)}" below [host."${bare.written}"] if it is that host's CA, or remove ${unread.path}`,
    },
  ];
}
