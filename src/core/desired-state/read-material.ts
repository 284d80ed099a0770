import type { IssueLog } from "./issue-log.ts";
import type { MapReader, PlacedText } from "./map-reader.ts";
import type { Material } from "./parsed-state.ts";
import { quote } from "./text.ts";

/** An absolute path, read later. */
export function readPath(
  entry: MapReader,
  key: string,
  log: IssueLog,
  required = false,
): PlacedText | undefined {
  const path = required ? entry.requiredText(key, `add ${key}: /path/to/file`) : entry.text(key);
  if (path === undefined) return undefined;
  if (path.text.startsWith("/") && !path.text.split("/").includes("..") && path.text.length <= 4096)
    return path;
  const shown = mayHoldSecret(key) ? `the value of ${key}` : `${key} ${quote(path.text)}`;
  const message = `${shown} is not an absolute path; the agent has no folder that it could be relative to`;
  log.error("path-not-absolute", path.at, message, "write the whole path, beginning with / and without ..");
  return undefined;
}

/** People put a password, or what docker calls auth, where the path of its file belongs: such a value is not repeated. */
function mayHoldSecret(key: string): boolean {
  return !/^ca/i.test(key) && !/cert/i.test(key);
}

export function readFileMaterial(entry: MapReader, key: string, log: IssueLog): Material | undefined {
  const path = readPath(entry, key, log);
  return path && { kind: "file", path: path.text, at: path.at };
}

/** PEM text from a file or from the document, not both. */
export function readMaterial(
  entry: MapReader,
  pathKey: string,
  inlineKey: string,
  log: IssueLog,
): Material | undefined {
  const inline = entry.text(inlineKey, { lines: true });
  const file = readFileMaterial(entry, pathKey, log);
  if (inline !== undefined && entry.get(pathKey) !== undefined) {
    log.error(
      "key-conflict",
      entry.keyAt(inlineKey),
      `${inlineKey} and ${pathKey} are both given; which one counts would be a guess`,
      "keep one of them",
    );
    return undefined;
  }
  return inline === undefined ? file : { kind: "inline", text: inline.text, at: inline.at };
}

/** A client certificate and its key; one without the other is an issue. */
export function readClient(
  entry: MapReader,
  certificateKey: string,
  keyKey: string,
  log: IssueLog,
): { readonly certificate: Material; readonly key: Material } | undefined {
  const certificate = readFileMaterial(entry, certificateKey, log);
  const key = readFileMaterial(entry, keyKey, log);
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  const [given, absent] =
    entry.get(certificateKey) === undefined ? [keyKey, certificateKey] : [certificateKey, keyKey];
  if (entry.get(given) === undefined || entry.get(absent) !== undefined) return undefined;
  log.error(
    "client-pair",
    entry.keyAt(given),
    `${given} is given without ${absent}, so the mirror would see no client certificate`,
    `add ${absent}`,
  );
  return undefined;
}

/** `{name, namespace}`; a Secret without a namespace is in `default`, as in Kubernetes. */
export function readSecretRef(entry: MapReader, key: string): Material | undefined {
  const ref = entry.child(key, key);
  if (ref === undefined) return undefined;
  ref.rejectUnknown(["name", "namespace"]);
  const name = ref.requiredText("name", "add name: NAME-OF-THE-SECRET");
  const namespace = ref.text("namespace")?.text ?? "default";
  return name && { kind: "secret", name: name.text, namespace, at: name.at };
}
