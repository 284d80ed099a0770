import { checkHostNamespace } from "./check-host-namespace.ts";
import { WishCollector } from "./collect-wishes.ts";
import type { UpstreamPolicy } from "./desired-state.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader } from "./map-reader.ts";
import type { Fragment, UpstreamCredentialRef, UpstreamRule } from "./parsed-state.ts";
import { readPath } from "./read-material.ts";
import { readMirrorEntry } from "./read-mirror-entry.ts";
import { quote, suggest } from "./text.ts";

/** What stands at the top of a native document. */
export const NATIVE_KEYS: readonly string[] = [
  "apiVersion",
  "kind",
  "metadata",
  "generation",
  "registryMirrors",
  "upstream",
  "privateRegistryConfigPath",
  "gcrKeyPath",
  "canaries",
  "allowMassRemoval",
];

/** `kind: RegistryMirrors`, mirrorlet's own form. */
export function parseNative(document: MapReader, log: IssueLog): Fragment {
  document.rejectUnknown(NATIVE_KEYS);
  checkApiVersion(document, log);
  const generation = readGeneration(document, log);
  const allowMassRemoval = document.boolean("allowMassRemoval") ?? false;
  const collector = readEntries(document, allowMassRemoval, log);
  return {
    wishes: collector.wishes,
    namespaces: collector.namespaces,
    upstreamRules: readUpstream(document, log),
    upstreamCredentials: readUpstreamCredentials(document, log),
    canaries: document.texts("canaries") ?? [],
    generation,
    allowMassRemoval,
  };
}

/** `gcrKeyPath` and `privateRegistryConfigPath`: credentials for the upstreams themselves. */
export function readUpstreamCredentials(
  document: MapReader,
  log: IssueLog,
): readonly UpstreamCredentialRef[] {
  const gcrKey = readPath(document, "gcrKeyPath", log);
  const config = readPath(document, "privateRegistryConfigPath", log);
  return [
    ...(config ? [{ kind: "docker-config", path: config.text, at: config.at } as const] : []),
    ...(gcrKey ? [{ kind: "gcr-key", path: gcrKey.text, at: gcrKey.at } as const] : []),
  ];
}

function checkApiVersion(document: MapReader, log: IssueLog): void {
  const given = document.requiredText("apiVersion", "add apiVersion: mirrorlet/v1");
  if (given === undefined || given.text === "mirrorlet/v1") return;
  log.error(
    "unknown-kind",
    given.at,
    `this mirrorlet reads apiVersion mirrorlet/v1, not ${quote(given.text)}`,
    "write apiVersion: mirrorlet/v1, or update mirrorlet",
  );
}

function readGeneration(document: MapReader, log: IssueLog): number {
  const given = document.get("generation");
  if (given === undefined) return 0;
  const value = given.kind === "scalar" ? given.value : undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  log.error(
    "wrong-type",
    given.at,
    "generation must be a whole number from 0 to 9007199254740991",
    "write generation: 1",
  );
  return 0;
}

function readEntries(document: MapReader, allowMassRemoval: boolean, log: IssueLog): WishCollector {
  const collector = new WishCollector();
  const entries = document.children("registryMirrors", "a registryMirrors entry");
  if (entries === undefined) {
    if (document.get("registryMirrors") === undefined)
      document.missing("registryMirrors", "add registryMirrors: with one entry a mirror");
    return collector;
  }
  if (entries.length === 0 && document.list("registryMirrors")?.items.length === 0 && !allowMassRemoval) {
    const fix = "add entries; if every mirror is to be removed, also write allowMassRemoval: true";
    log.error(
      "empty-registries",
      document.keyAt("registryMirrors"),
      "registryMirrors is empty, which would send every pull to the upstreams",
      fix,
    );
  }
  for (const entry of entries) {
    const { mirror, hosts } = readMirrorEntry(entry, false, log);
    const given = entry.list("hosts");
    if (given === undefined ? entry.get("hosts") === undefined : given.items.length === 0)
      entry.missing("hosts", 'add hosts: [gcr.io], the registries this mirror stands for; "*" is all others');
    for (const host of hosts) collector.add(host, mirror);
  }
  return collector;
}

function readUpstream(document: MapReader, log: IssueLog): readonly UpstreamRule[] {
  const upstream = document.child("upstream", "upstream");
  if (upstream === undefined) return [];
  const rules: UpstreamRule[] = [];
  for (const [namespace, { keyAt }] of upstream.map.entries) {
    const policy = readPolicy(upstream, namespace, log);
    if (checkHostNamespace({ text: namespace, at: keyAt }, log) && policy !== undefined)
      rules.push({ namespace, policy, at: keyAt });
  }
  return rules;
}

function readPolicy(upstream: MapReader, namespace: string, log: IssueLog): UpstreamPolicy | undefined {
  const value = upstream.map.entries.get(namespace)?.value;
  if (value?.kind === "scalar" && (value.value === "allow" || value.value === "never")) return value.value;
  const word = value?.kind === "scalar" ? String(value.value) : "";
  const meant = suggest(word, ["allow", "never"]);
  const fix = meant === undefined ? "write allow or never" : `did you mean ${meant}?`;
  log.error(
    "upstream-policy",
    value?.at ?? upstream.keyAt(namespace),
    "an upstream policy is allow or never",
    fix,
  );
  return undefined;
}
