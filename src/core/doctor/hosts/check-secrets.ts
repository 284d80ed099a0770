import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { isLoopbackHost } from "../../containerd/loopback.ts";
import { isSecretName } from "../../redact-secrets.ts";
import { atPath, type Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { listReadFiles, placeOfEntry, type ReadFile } from "./read-hosts-files.ts";
import { listTlsEntries } from "./tls-entries.ts";

const OTHERS_READ = 0o004;

/** Credentials that others can read, on the disk or on the way. */
export function checkSecrets(context: HostsContext): readonly Finding[] {
  return [
    ...listReadFiles(context).flatMap((file) => [...checkMode(file), ...checkWay(file)]),
    ...checkKeys(context),
  ];
}

const HARMLESS = "pulls go on as they are; whoever reads the credential can use it too";

function checkMode(file: ReadFile): readonly Finding[] {
  const observed = file.files.find(({ path }) => path === file.file);
  const entry = file.parsed.entries.find((each) => secretHeader(each) !== undefined);
  if (observed === undefined || entry === undefined || (observed.mode & OTHERS_READ) === 0) return [];
  return [
    {
      code: "secret-readable",
      severity: "warning",
      where: placeOfEntry(file, entry),
      fact: `the file has the header ${secretHeader(entry)} and mode ${showMode(observed.mode)}, so that every user of this node can read it`,
      consequence: HARMLESS,
      fix: `chmod 600 ${observed.realPath}`,
    },
  ];
}

function checkWay(file: ReadFile): readonly Finding[] {
  return file.parsed.entries
    .filter((entry) => entry.scheme === "http" && !isLoopbackHost(entry.host) && !entry.httpsFirst)
    .flatMap((entry): readonly Finding[] => {
      const header = secretHeader(entry);
      if (header === undefined) return [];
      return [
        {
          code: "secret-over-http",
          severity: "warning",
          where: placeOfEntry(file, entry),
          fact: `the header ${header} goes to ${showWritten(entry.written)} in clear text`,
          consequence: HARMLESS,
          fix: `have the mirror speak TLS, write https://, and change the credential`,
        },
      ];
    });
}

function checkKeys(context: HostsContext): readonly Finding[] {
  const named = new Set(
    listTlsEntries(context).flatMap(({ entry }) => (entry.client ?? []).map(([path, key]) => key || path)),
  );
  const modes = new Map(
    context.view.certificates.map(({ keyPath = "", keyMode = 0, inspection }) => {
      const isKey = inspection.ok && (inspection.key === "match" || inspection.key === "mismatch");
      return [keyPath, isKey ? keyMode : 0] as const;
    }),
  );
  return [...named].flatMap((path): readonly Finding[] => {
    const mode = modes.get(path) ?? 0;
    if ((mode & OTHERS_READ) === 0) return [];
    return [
      {
        code: "secret-readable",
        severity: "warning",
        where: atPath(path),
        fact: `the file holds a private key and has mode ${showMode(mode)}, so that every user of this node can read it`,
        consequence: HARMLESS,
        fix: `chmod 600 ${path}`,
      },
    ];
  });
}

function secretHeader({ header = [] }: HostEntry): string | undefined {
  return header.find(({ name }) => isSecretName(name) || /api-?key/i.test(name))?.name;
}

function showMode(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}
