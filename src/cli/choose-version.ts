import type { Containerd } from "../agent/ports.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../core/containerd/version.ts";

type Chosen =
  | { readonly ok: true; readonly version: ContainerdVersion }
  | { readonly ok: false; readonly exit: 2 | 64; readonly message: string };

/** The containerd that a command speaks of: the one named, or the one installed. */
export async function chooseVersion(
  { containerdVersion: given }: { readonly containerdVersion?: string | undefined },
  { containerd }: { readonly containerd: Pick<Containerd, "version"> },
): Promise<Chosen> {
  const version = given === undefined ? await containerd.version() : parseContainerdVersion(given);
  if (version !== undefined) return { ok: true, version };
  if (given === undefined)
    return {
      ok: false,
      exit: 2,
      message: "containerd is not installed or does not tell its version; name one with --containerd-version",
    };
  return { ok: false, exit: 64, message: `--containerd-version ${given}: write a version such as 1.7.24` };
}
