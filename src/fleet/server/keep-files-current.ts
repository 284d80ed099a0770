import { type DeniedList, NONE_DENIED, parseDeniedList } from "./denied-list.ts";
import { checkCertificates, type FeedCertificates, sameCertificates } from "./feed-certificates.ts";
import { readSmallFile, watchFiles } from "./watch-file.ts";

export interface FeedFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** It may be missing. */
  readonly denied: string;
}

export interface LoadedFiles {
  readonly certificates: FeedCertificates;
  readonly denied: DeniedList;
  /** There is a file of who is denied. */
  readonly hasDenied: boolean;
}

export type LoadResult =
  | ({ readonly ok: true } & LoadedFiles)
  | { readonly ok: false; readonly message: string };

/** Never rejects. */
export async function loadFeedFiles(paths: FeedFiles): Promise<LoadResult> {
  const certificates = await loadCertificates(paths);
  const denied = await loadDenied(paths.denied);
  if (!certificates.ok) return certificates;
  if (!denied.ok) return { ok: false, message: `${paths.denied}: ${denied.message}` };
  const { list, isMissing } = denied;
  return { ok: true, certificates: certificates.certificates, denied: list, hasDenied: !isMissing };
}

export interface CurrentFilesOptions {
  readonly paths: FeedFiles;
  readonly loaded: LoadedFiles;
  readonly everyMs: number;
  readonly onCertificates: (certificates: FeedCertificates) => void;
  readonly onDenied: (denied: DeniedList) => void;
  /** What was in use stays so; said once for each state of the files. */
  readonly onRefused: (message: string) => void;
}

/**
 * Looks after files that others exchange. Half of an exchange, as a new certificate beside the old key, is no reason to
 * turn nodes away: what was good last stays in use until all of it is good again.
 */
export function keepFilesCurrent(options: CurrentFilesOptions): { look(): Promise<void>; close(): void } {
  const { paths, loaded, everyMs, onCertificates, onDenied, onRefused } = options;
  let { certificates, hasDenied } = loaded;
  const pair = watchFiles([paths.ca, paths.cert, paths.key], everyMs, async () => {
    const result = await loadCertificates(paths);
    if (!result.ok) onRefused(`${result.message}; the ones before stay in use`);
    else if (!sameCertificates(result.certificates, certificates)) {
      certificates = result.certificates;
      onCertificates(certificates);
    }
  });
  const list = watchFiles([paths.denied], everyMs, async () => {
    const result = await loadDenied(paths.denied);
    if (!result.ok) onRefused(`${paths.denied}: ${result.message}; what it denied before stays denied`);
    else if (result.isMissing && hasDenied)
      onRefused(`${paths.denied} is gone; what it denied before stays denied, an empty file denies nobody`);
    else {
      hasDenied = !result.isMissing;
      onDenied(result.list);
    }
  });
  return {
    look: async () => {
      await Promise.all([pair.look(), list.look()]);
    },
    close() {
      pair.close();
      list.close();
    },
  };
}

async function loadCertificates({ ca, cert, key }: FeedFiles) {
  try {
    const [caBytes, certBytes, keyBytes] = await Promise.all([ca, cert, key].map(readSmallFile));
    if (!caBytes || !certBytes || !keyBytes) throw new TypeError("three files were asked for");
    return checkCertificates({ ca: caBytes, cert: certBytes, key: keyBytes });
  } catch (error) {
    return {
      ok: false,
      message: `a certificate file cannot be read, feed.ca, feed.cert and feed.key say where they are: ${(error as Error).message}`,
    } as const;
  }
}

async function loadDenied(path: string) {
  try {
    const parsed = parseDeniedList((await readSmallFile(path)).toString());
    return parsed.ok ? ({ ...parsed, isMissing: false } as const) : parsed;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      return { ok: true, list: NONE_DENIED, isMissing: true } as const;
    return { ok: false, message: (error as Error).message } as const;
  }
}
