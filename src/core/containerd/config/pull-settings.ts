import type { Place } from "../../issue.ts";
import { parseGoDuration } from "../go-duration.ts";
import type { ContainerdTraits } from "../version.ts";
import { foldsCase } from "./config-file.ts";
import { type ConfigTable, getNode } from "./config-tree.ts";

/** Settings beside `registry` that decide how pulls go. Without a place: the release's default. */
export interface PullSettings {
  readonly sandboxImage: Setting<string>;
  readonly snapshotter: Setting<string>;
  /** Layers are removed from the content store once they are unpacked. */
  readonly discardUnpackedLayers: Setting<boolean>;
  /** How long a pull may be without progress. Undefined: there is no such timeout. */
  readonly pullProgressTimeout?: Setting<ProgressTimeout>;
}

export interface ProgressTimeout {
  readonly text: string;
  /** 0: off. Undefined: no duration, as `""`, which the daemon starts with and every pull then fails on. */
  readonly ms?: number;
}

export interface Setting<T> {
  readonly value: T;
  readonly at?: Place;
}

/** `cri`: the image settings, named as in `io.containerd.cri.v1.images`. */
export function readPullSettings(cri: ConfigTable | undefined, traits: ContainerdTraits): PullSettings {
  const read = <T>(path: readonly string[], take: (value: unknown) => T | undefined, fallback: T) => {
    const node = getNode(cri, path, foldsCase(traits));
    const value = node?.kind === "value" ? take(node.value) : undefined;
    return value === undefined || node === undefined ? { value: fallback } : { value, at: node.at };
  };
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const flag = (value: unknown) => (typeof value === "boolean" ? value : undefined);
  const usual = traits.defaultPullProgressTimeoutMs;
  return {
    sandboxImage: read(["pinned_images", "sandbox"], text, traits.defaultSandboxImage),
    snapshotter: read(["snapshotter"], text, "overlayfs"),
    discardUnpackedLayers: read(["discard_unpacked_layers"], flag, false),
    ...(usual !== undefined && {
      pullProgressTimeout: read(["image_pull_progress_timeout"], takeDuration, {
        text: `${usual / 60_000}m0s`,
        ms: usual,
      }),
    }),
  };
}

function takeDuration(text: unknown): ProgressTimeout | undefined {
  if (typeof text !== "string") return undefined;
  const duration = parseGoDuration(text);
  return duration.ok ? { text, ms: duration.ms } : { text };
}
