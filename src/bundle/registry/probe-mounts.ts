import { RegistryError } from "../../registry/registry-error.ts";
import { digestOf } from "../read/digest-stream.ts";
import { AnswerError } from "./answer-error.ts";
import type { RegistryLink } from "./registry-link.ts";
import { ExhaustedError, type Retrier } from "./retrier.ts";
import { type UploadWays, uploadBlob } from "./upload-blob.ts";

/** Whether blobs that were sent to one repository can be mounted in others; `why` says why not. `stages`: they can be sent. */
export type MountProbe =
  | { readonly mounts: true }
  | { readonly mounts: false; readonly stages: boolean; readonly why: string };

const PROBE = new TextEncoder().encode("{}");
/** Of the two bytes that it is tried with. */
export const PROBE_DIGEST = digestOf(PROBE);

/** Tries it with two bytes. Rejects where the registry cannot be reached. */
export async function probeMounts(
  link: RegistryLink,
  retrier: Retrier,
  ways: UploadWays,
  staging: string,
): Promise<MountProbe> {
  const blob = {
    digest: PROBE_DIGEST,
    size: PROBE.length,
    open: async function* () {
      yield PROBE;
    },
    verify: async () => {},
    onSent: () => {},
  };
  // How two bytes are taken says nothing about large bodies.
  const own = { ...ways };
  const place = (repository: string, from?: string) =>
    retrier.run(repository, (failed) =>
      uploadBlob(link, { ...blob, repository, ...(from === undefined ? {} : { from }) }, own, failed),
    );
  let stages = false;
  try {
    await place(staging);
    stages = true;
    const end = await place(probeRepository(staging), staging);
    if (own.noMounts === true) ways.noMounts = true;
    return end === "mounted" ? { mounts: true } : { mounts: false, stages, why: "it does not mount blobs" };
  } catch (error) {
    // It breaks on this, for minutes: that need not be so for the images themselves.
    if (error instanceof ExhaustedError && !error.endsPush)
      return { mounts: false, stages, why: error.message };
    if (error instanceof AnswerError && error.status < 500 && error.status !== 429)
      return { mounts: false, stages, why: error.message };
    if (error instanceof RegistryError && NOT_THERE.includes(error.code))
      return { mounts: false, stages, why: error.failure.cause };
    throw error;
  }
}

/**
 * What the two bytes are mounted in: beside the staging repositories, the same for all. Registries go on listing a
 * repository that is empty, and have no request that takes one away: it had better be one than one for each.
 */
export function probeRepository(staging: string): string {
  return staging.replace(/[^/]+$/, "probe");
}

const NOT_THERE: readonly string[] = ["credentials-refused", "token-refused"];
