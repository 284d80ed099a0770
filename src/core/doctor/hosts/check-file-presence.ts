import { describeFate, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { shellWord } from "../shell-word.ts";
import { findHostsFile } from "./find-hosts-file.ts";
import type { HostDirectory, RulingDirectory } from "./host-directory.ts";
import { nameIn } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";

/** Where a hosts.toml should be and is not, or cannot be read. */
export function checkFilePresence(context: HostsContext): readonly Finding[] {
  const inForce = context.directories.filter(({ standing }) => standing === "in-force");
  return [
    ...inForce.flatMap((directory) => checkOther(directory, context)),
    ...context.ruling.flatMap((directory) => checkEmpty(directory)),
    ...context.ruling.flatMap((directory) => checkName(directory)),
  ];
}

/** Something that is neither a file nor absent stands in its place. */
function checkOther(directory: HostDirectory, { ruling, view }: HostsContext): readonly Finding[] {
  const file = `${directory.path}/hosts.toml`;
  const other = directory.others.find(({ path }) => path === file);
  if (other === undefined) return [];
  const ruler = ruling.find(({ path }) => path === directory.path);
  if (ruler === undefined) return [];
  const { reason } = other;
  const severity = reason.startsWith("larger than") ? "warning" : "error";
  const shared = { severity, where: atPath(file), consequence: describeFate(ruler.fate) } as const;
  if (reason === "symbolic link to nothing")
    return [
      {
        ...shared,
        code: "link-dangling",
        fact: "hosts.toml is a symbolic link to nothing, which counts as no file at all",
        fix: `ls -l ${file}, then put back the file that it leads to, or write hosts.toml itself`,
      },
    ];
  const isTooLarge = reason.startsWith("larger than");
  const holdsFile = isTooDeep(`${file}/hosts.toml`, view);
  const fix = reason.startsWith("directory")
    ? holdsFile
      ? `mv ${file} ${file}.d && mv ${file}.d/hosts.toml ${file} && rmdir ${file}.d`
      : `move the directory away and write ${file} as a file`
    : `ls -lZ ${file}, and make it a plain file that root can read`;
  return [
    {
      ...shared,
      code: "hosts-file-unreadable",
      fact: `hosts.toml cannot be read: ${reason}`,
      ...(isTooLarge && { consequence: "what it says of pulls was not looked at" }),
      fix: isTooLarge ? `see what is in ${file}; a hosts.toml has a few hundred bytes` : fix,
    },
  ];
}

function isTooDeep(path: string, { roots }: NodeView): boolean {
  return roots.some(({ tooDeep = [] }) =>
    tooDeep.some(({ files }) => files.some((each) => each.path === path)),
  );
}

/** 0 bytes: a write that was cut off. */
function checkEmpty({ path, files, parsed, fate }: RulingDirectory): readonly Finding[] {
  const file = files.find((each) => each.path === `${path}/hosts.toml`);
  if (file === undefined || parsed.kind !== "absent-or-empty") return [];
  return [
    {
      code: "hosts-file-empty",
      severity: "error",
      where: atPath(file.path),
      fact: "hosts.toml has no bytes, which counts as no file at all; was a write cut off?",
      consequence: describeFate(fate),
      fix: `write ${file.path} again, or remove ${path} with all that is in it`,
    },
  ];
}

/** The only file that can be meant has a name that containerd does not open. */
function checkName(directory: RulingDirectory): readonly Finding[] {
  const { path, namespace, fate, others } = directory;
  if (others.some((other) => other.path === `${path}/hosts.toml`)) return [];
  const found = findHostsFile(directory);
  if (found === undefined || found.isNamedRight) return [];
  const { file, isPutAside } = found;
  const name = nameIn(file.path);
  return [
    {
      code: "hosts-file-name",
      severity: isPutAside ? "warning" : "error",
      where: atPath(file.path),
      fact: `containerd opens hosts.toml alone, and ${name} is the only file here that can be meant`,
      consequence: describeFate(fate),
      fix: isPutAside
        ? `mv ${shellWord(file.path)} ${path}/hosts.toml, or remove ${path}: without a hosts.toml it still counts as the directory of ${nameNamespace(namespace)}`
        : `mv ${shellWord(file.path)} ${path}/hosts.toml`,
    },
  ];
}
