import { closestName } from "../../agent-config/closest-name.ts";
import type { HostTree } from "../../containerd/host-tree.ts";
import { holdsCertificate } from "../../containerd/pem.ts";
import { nameIn, type RulingDirectory } from "./host-directory.ts";

type Pair = readonly [certificate: string, key: string];

export function mendCa(path: string, directory: RulingDirectory, tree: HostTree): string {
  return mendFile(path, directory, tree, "ca") ?? `put the CA's certificate into ${path} as PEM`;
}

export function mendClient(
  [certificate, key]: Pair,
  pairs: readonly Pair[],
  directory: RulingDirectory,
  tree: HostTree,
): string {
  const [first, second] = pairs;
  if (
    first !== undefined &&
    second !== undefined &&
    first[1] === "" &&
    second[1] === "" &&
    holdsKey(second[0], tree)
  )
    return `write client = [["${first[0]}", "${second[0]}"]]: a list of names is a list of files that hold both`;
  if (key === directory.path) return `write client = "${certificate}", which holds certificate and key`;
  const broken = mendFile(certificate, directory, tree, "client");
  if (broken !== undefined) return broken;
  if (key !== "") {
    const brokenKey = mendFile(key, directory, tree, "client");
    if (brokenKey !== undefined) return brokenKey;
    if (holdsKey(certificate, tree) && holdsCertificateAt(key, tree))
      return `write client = [["${key}", "${certificate}"]]: the certificate comes first`;
    return `put the private key of ${certificate} into ${key}, as PEM and without a passphrase`;
  }
  if (directory.parsed.kind === "hosts")
    return `write client = [["${certificate}", "KEY FILE"]], or append the key to ${certificate}`;
  return nameIn(certificate).startsWith("ca.")
    ? `mv ${certificate} ${certificate.replace(/\.cert$/, ".crt")}: .cert is a client's, .crt a CA's`
    : `put the private key into ${certificate.replace(/\.cert$/, ".key")}`;
}

/** What is wrong with a file whatever it is for; undefined: it can be read. */
function mendFile(
  path: string,
  { path: directory, files }: RulingDirectory,
  tree: HostTree,
  key: string,
): string | undefined {
  if (path === directory) return `delete the empty name: ${key} = "" names the directory itself`;
  const kind = tree.kindOf(path);
  if (kind === undefined) {
    const near = closestName(
      nameIn(path),
      files.map((file) => nameIn(file.path)).filter((name) => name !== "hosts.toml"),
    );
    const hint = near === undefined ? "" : `; there is ${directory}/${near}`;
    return `put the file there, or mend its name (what does not begin with / is looked for in ${directory})${hint}`;
  }
  const bytes = tree.readFile(path);
  if (kind === "directory") return `name a file in ${path}, not the directory`;
  if (bytes === undefined) return `ls -lZ ${path}, and make it a plain file that root can read`;
  if (bytes[0] === 0x30) return `openssl x509 -inform der -in ${path} -out ${path}.pem, and name that`;
  return undefined;
}

function holdsKey(path: string, tree: HostTree): boolean {
  const bytes = tree.readFile(path);
  return bytes !== undefined && /^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(new TextDecoder().decode(bytes));
}

function holdsCertificateAt(path: string, tree: HostTree): boolean {
  const bytes = tree.readFile(path);
  return bytes !== undefined && holdsCertificate(bytes);
}
