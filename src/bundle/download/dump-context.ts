import type { Lanes } from "../../core/bundle/push/lanes.ts";
import type { ReferrerWays } from "../registry/fetch-referrers.ts";
import type { RegistryLink } from "../registry/registry-link.ts";
import type { Retrier } from "../registry/retrier.ts";

/** Where images of a host namespace are to be had from. */
export interface ImageSource {
  /** As `sourceFor` knows it: one and the same where all are taken from one registry. */
  readonly host: string;
  readonly link: RegistryLink;
  readonly ways: ReferrerWays;
  /** The repository there. */
  repositoryOf(repository: string): string;
}

/** What all of a dump shares. */
export interface DumpContext {
  /** By the host of an image's name, or of a source. Rejects as RegistryLink does when nobody is there. */
  readonly sourceFor: (namespace: string) => Promise<ImageSource>;
  readonly retrier: Retrier;
  readonly lanes: Lanes;
  readonly signal: AbortSignal;
}
