import type { Descriptor } from "./pull-request.ts";

/** In the words of an image index: `amd64`, `arm64`, `arm`, … */
export type Architecture = string;

/** containerd's order of preference; an architecture that is not here has no variants. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ["", "v1"],
  arm64: ["", "v8"],
  arm: ["v8", "v7", "", "v6", "v5"],
};

/** The manifest of an index that a Linux node pulls; undefined when none fits, or it is no index. */
export function choosePlatform(index: unknown, architecture: Architecture): Descriptor | undefined {
  const manifests = field(index, "manifests");
  if (!Array.isArray(manifests)) return undefined;
  for (const variant of VARIANTS[architecture] ?? [""]) {
    const found = manifests.find((one) => fits(field(one, "platform"), architecture, variant));
    if (found !== undefined) return readDescriptor(found);
  }
  return undefined;
}

/** `config` of a manifest; undefined when it has none. */
export function readConfig(manifest: unknown): Descriptor | undefined {
  return readDescriptor(field(manifest, "config"));
}

/** Undefined when the bytes are no JSON. */
export function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function fits(platform: unknown, architecture: string, variant: string): boolean {
  return (
    field(platform, "os") === "linux" &&
    field(platform, "architecture") === architecture &&
    (field(platform, "variant") ?? "") === variant
  );
}

function readDescriptor(value: unknown): Descriptor | undefined {
  const digest = field(value, "digest");
  const size = field(value, "size");
  const mediaType = field(value, "mediaType");
  if (typeof digest !== "string" || typeof size !== "number" || typeof mediaType !== "string")
    return undefined;
  return { digest, size, mediaType };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
