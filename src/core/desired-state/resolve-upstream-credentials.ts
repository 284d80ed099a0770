import { checkCredential } from "./check-credential.ts";
import type { HostCredential } from "./desired-state.ts";
import { parseShallowJson } from "./docker-config.ts";
import { parseHostPort } from "./host-port.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MaterialReader } from "./material-reader.ts";
import type { UpstreamCredentialRef } from "./parsed-state.ts";
import { quote } from "./text.ts";

/** Credentials for the upstreams, one a host. Two different ones for a host are an error. */
export function resolveUpstreamCredentials(
  refs: readonly UpstreamCredentialRef[],
  materials: MaterialReader,
  log: IssueLog,
): readonly HostCredential[] {
  const byHost = new Map<string, HostCredential>();
  for (const ref of refs) {
    for (const found of readRef(ref, materials, log)) {
      const { username, password } = byHost.get(found.host)?.credential ?? found.credential;
      if (username !== found.credential.username || password !== found.credential.password)
        log.error(
          "credential-conflict",
          ref.at,
          `two different credentials are given for ${found.host}; which one counts would be a guess`,
          "keep one of them",
        );
      else byHost.set(found.host, found);
    }
  }
  return [...byHost.values()];
}

function readRef(
  ref: UpstreamCredentialRef,
  materials: MaterialReader,
  log: IssueLog,
): readonly HostCredential[] {
  if (ref.kind === "gcr-key") return readGcrKey(ref, materials, log);
  if (ref.kind === "docker-config") return readDockerConfig(ref, materials, log);
  const credential = checkCredential(ref.credential, ref.at, `the credential for ${ref.host}`, log);
  return credential ? [{ host: ref.host, credential }] : [];
}

function readGcrKey(
  { path, at }: { path: string; at: UpstreamCredentialRef["at"] },
  materials: MaterialReader,
  log: IssueLog,
): readonly HostCredential[] {
  const text = materials.text({ kind: "file", path, at }, "the service-account key");
  if (text === undefined) return [];
  const key = parseShallowJson(text);
  if (typeof key === "object" && key !== null && "private_key" in key)
    return [{ host: "gcr.io", credential: { username: "_json_key", password: JSON.stringify(key) } }];
  log.error(
    "gcr-key",
    at,
    `${path} is not a service-account key, so gcr.io would be asked with a credential it refuses`,
    "download the key as JSON, with gcloud iam service-accounts keys create",
  );
  return [];
}

function readDockerConfig(
  { path, at }: { path: string; at: UpstreamCredentialRef["at"] },
  materials: MaterialReader,
  log: IssueLog,
): readonly HostCredential[] {
  const source = materials.dockerConfig({ kind: "file", path, at });
  if (source?.kind !== "config") return [];
  if (source.config.entries.size === 0)
    log.error(
      "credential-missing",
      at,
      `${path} has no auths${source.config.helpers ? "; it names credential helpers, which the agent does not run" : ""}`,
      "log in with docker login where no helper is configured",
    );
  return [...source.config.entries].flatMap(([key, entry]): HostCredential[] => {
    const host = key.split("/")[0] ?? "";
    if (!entry.ok || !parseHostPort(host).ok) {
      const reason = entry.ok ? "its name is no host" : entry.reason;
      log.warn(
        "credential-missing",
        at,
        `the entry ${quote(key)} of ${path} cannot be used: ${reason}`,
        "correct or remove it",
      );
      return [];
    }
    const credential = checkCredential(entry.credential, at, `the credential for ${host} in ${path}`, log);
    return credential ? [{ host, credential }] : [];
  });
}
