import type { ValidateDeps } from "../cli/validate.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createFiles } from "../host/files.ts";

/** Looking at files needs no trust in who wrote them: nothing on the node follows from it. */
export function validateDeps(root: string): ValidateDeps {
  return {
    files: createFiles(root === "" ? {} : { root }),
    clock: { now: () => Date.now() },
    certificates: inspectCertificates,
    readSources: (paths) => readDesiredStateSources(paths, { root, trust: "anyone" }),
  };
}
