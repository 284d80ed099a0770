import type { ConfigOptions } from "../cli/commands.ts";
import type { ValidateDeps } from "../cli/validate.ts";
import { type Acceptance, type AcceptedSources, acceptSources } from "../core/signing/accept-sources.ts";
import { isEnvelope } from "../core/signing/envelope.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createFiles } from "../host/files.ts";
import { loadConfig } from "./load-config.ts";
import { readTrust, signingPorts } from "./read-trust.ts";

/** Looking at files needs no trust in who wrote them: nothing on the node follows from it. */
export function validateDeps(options: Pick<ConfigOptions, "root"> & Partial<ConfigOptions>): ValidateDeps {
  const { root } = options;
  const clock = { now: () => Date.now() };
  return {
    files: createFiles(root === "" ? {} : { root }),
    clock,
    certificates: inspectCertificates,
    readSources: (paths) => readDesiredStateSources(paths, { root, trust: "anyone" }),
    async accept(files) {
      // Whoever checks unsigned files anywhere needs no agent.toml, nor one that is right.
      if (!files.some(({ bytes }) => isEnvelope(bytes))) return { ok: true, files, issues: [] };
      const { config, set = [] } = options;
      const loaded = await loadConfig({ root, config, set });
      if (!loaded.ok) return { ok: false, issues: loaded.issues };
      const trusted = await readTrust(loaded.config, root);
      if (!trusted.ok) return trusted;
      return lookAtSources(files, trusted.expected, clock.now());
    },
  };
}

/** With no regard to what is in force here, and what was closed out. */
export function lookAtSources(
  files: Parameters<typeof acceptSources>[0],
  expected: Pick<Acceptance, "trust" | "unsignedFiles" | "node">,
  nowMs: number,
): AcceptedSources {
  const standingOf = () => ({ floor: 0, runningDigest: undefined, nowMs });
  return acceptSources(files, { ...expected, isLook: true, standingOf }, signingPorts);
}
