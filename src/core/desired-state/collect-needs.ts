import type { FileNeed, Material, ParsedDesiredState, ParsedMirror } from "./parsed-state.ts";

/** Every file that the desired state names, once, at the first place that names it. */
export function collectNeeds(
  parsed: Pick<ParsedDesiredState, "wishes" | "upstreamCredentials" | "pullSecret">,
): readonly FileNeed[] {
  const mirrors = new Set(parsed.wishes.flatMap((wish) => wish.mirrors));
  const needs = [...mirrors].flatMap(needsOfMirror);
  for (const ref of parsed.upstreamCredentials) {
    if (ref.kind === "docker-config") needs.push({ path: ref.path, what: "the docker config", at: ref.at });
    if (ref.kind === "gcr-key") needs.push({ path: ref.path, what: "the service-account key", at: ref.at });
  }
  if (parsed.pullSecret)
    needs.push({ path: parsed.pullSecret.text, what: "the pull secret", at: parsed.pullSecret.at });
  const byPath = new Map<string, FileNeed>();
  for (const need of needs) if (!byPath.has(need.path)) byPath.set(need.path, need);
  return [...byPath.values()];
}

function needsOfMirror({ ca, client, credential }: ParsedMirror): FileNeed[] {
  const needs = [
    ...ofMaterial(ca, "the CA certificate"),
    ...ofMaterial(client?.certificate, "the client certificate"),
    ...ofMaterial(client?.key, "the client key"),
  ];
  if (credential?.kind === "docker-config") needs.push(...ofMaterial(credential.source, "the docker config"));
  if (credential?.kind === "password-file")
    needs.push({ path: credential.path, what: "the password file", at: credential.at });
  return needs;
}

function ofMaterial(material: Material | undefined, what: string): FileNeed[] {
  return material?.kind === "file" ? [{ path: material.path, what, at: material.at }] : [];
}
