import type { ConfigSource } from "../containerd/config/config-file.ts";
import { receiverIn, type WantedReceiver } from "../containerd/config/edit-traces.ts";
import { planConfigEdit } from "../containerd/config/plan-config-edit.ts";
import { readRegistry, readWanted } from "../containerd/config/read-wanted.ts";
import type { WantedRegistries } from "../containerd/config/wanted-registries.ts";
import { type ContainerdVersion, traitsOf } from "../containerd/version.ts";
import { isLoopbackReceiver } from "./loopback-receiver.ts";

/** What root's own files say of the node, and the change that somebody without root's rights asks for. */
export interface ConfigEditClaim {
  readonly path: string;
  /** On disk now; undefined: no file. */
  readonly before: string | undefined;
  readonly after: string;
  readonly imports: readonly ConfigSource[];
  readonly version: ContainerdVersion;
  readonly style: WantedRegistries["style"];
  /** The one directory that may be named. */
  readonly certsD: string;
  /** The one directory that TLS files of the legacy style may come from. */
  readonly legacyDirectory: string;
  /** Receivers of traces that we have named. */
  readonly receivers: ReadonlySet<string>;
}

const MAX_TEXT = 4096;

/**
 * Why the new config.toml is not one of ours; undefined: it is, byte for byte, what our own editor makes of the file
 * that is there. Nothing of the text asked for is trusted or put in place as it came: what it seems to want is read out
 * of it, held to root's configuration, and the edit is made anew. So there is no place in it for another key, nor for
 * bytes that containerd's parser reads otherwise than ours.
 */
export function judgeConfigEdit(claim: ConfigEditClaim): string | undefined {
  const { path, before, after, version, imports } = claim;
  const now = readRegistry(path, after, version);
  if (now === undefined) return "it is not a config.toml that this containerd could read";
  const wanted = readWanted(now);
  const unfit = unfitIn(wanted, claim);
  if (unfit !== undefined) return unfit;
  const receiver = receiverOf(claim);
  if (typeof receiver === "string") return receiver;
  const again = planConfigEdit({ path, text: before, imports, version, wanted, receiver });
  if (!again.ok) return `it cannot be edited (${again.issues.map(({ message }) => message).join("; ")})`;
  return again.text === after
    ? undefined
    : "it differs from the file that is there in more than what is ours";
}

function unfitIn(wanted: WantedRegistries, claim: ConfigEditClaim): string | undefined {
  if (wanted.style !== claim.style)
    return `it is of the style ${wanted.style}, and agent.toml says ${claim.style}`;
  if (wanted.style === "certs.d" && wanted.configPath !== claim.certsD)
    return `config_path would be ${quote(wanted.configPath)}, and agent.toml says ${quote(claim.certsD)}`;
  const texts = wanted.auths.flatMap(({ host, username, password }) => [host, username, password]);
  if (wanted.style === "legacy") {
    const { mirrors, tls } = wanted;
    texts.push(...mirrors.flatMap(({ namespace, endpoints }) => [namespace, ...endpoints]));
    texts.push(...tls.map(({ host }) => host));
    const endpoint = mirrors.flatMap(({ endpoints }) => endpoints).find((url) => !/^https?:\/\//.test(url));
    if (endpoint !== undefined) return `${quote(endpoint)} is no endpoint`;
    const file = tls
      .flatMap(({ caFile, certFile, keyFile }) => [caFile, certFile, keyFile])
      .find((path) => path !== undefined && !mayName(path, claim));
    if (file !== undefined)
      return `it names the TLS file ${quote(file)}, which is not in ${claim.legacyDirectory}`;
  }
  return texts.some((text) => text.length > MAX_TEXT) ? "it holds a text that is too long" : undefined;
}

/** Of our own directory, or named by the file already. */
function mayName(path: string, { legacyDirectory, before }: ConfigEditClaim): boolean {
  const name = path.startsWith(`${legacyDirectory}/`) ? path.slice(legacyDirectory.length + 1) : "";
  return /^[A-Za-z0-9_.-]+$/.test(name) || before?.includes(JSON.stringify(path)) === true;
}

/** Undefined: what the file says of traces stays. */
function receiverOf({
  before,
  after,
  receivers,
  version,
}: ConfigEditClaim): WantedReceiver | undefined | string {
  const [was, is] = [receiverIn(before ?? "") ?? "", receiverIn(after) ?? ""];
  if (was === is) return undefined;
  if (is === "") {
    return receivers.has(was)
      ? { endpoint: "", ours: receivers }
      : "it would take a receiver of traces out that is not ours";
  }
  if (traitsOf(version).tracingSettings !== "config")
    return `containerd ${version.text} takes its receiver of traces from its environment`;
  if (!isLoopbackReceiver(is)) return `${quote(is)} is no receiver on this node`;
  return { endpoint: is, ours: new Set([...receivers, is]) };
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
