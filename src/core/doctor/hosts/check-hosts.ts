import { type Gradual, mapGradually } from "../../gradual.ts";
import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { checkCapabilities } from "./check-capabilities.ts";
import { checkCertificates } from "./check-certificates.ts";
import { checkDirectoryNames } from "./check-directory-names.ts";
import { checkDockerLayout } from "./check-docker-layout.ts";
import { checkDroppedFiles } from "./check-dropped-file.ts";
import { checkFilePresence } from "./check-file-presence.ts";
import { checkHeaders } from "./check-headers.ts";
import { checkHiddenDirectories } from "./check-hidden-directories.ts";
import { checkHostOrder } from "./check-host-order.ts";
import { checkHostUrls } from "./check-host-urls.ts";
import { checkIgnoredKeys } from "./check-ignored-keys.ts";
import { checkIntents } from "./check-intents.ts";
import { checkSecrets } from "./check-secrets.ts";
import { checkStrays } from "./check-strays.ts";
import { checkTlsFiles } from "./check-tls-files.ts";
import { checkTlsKeys } from "./check-tls-keys.ts";
import { checkUnreadRoots } from "./check-unread-roots.ts";
import { checkUpstream } from "./check-upstream.ts";
import { createHostsContext } from "./hosts-context.ts";

const CHECKS = [
  checkDroppedFiles,
  checkFilePresence,
  checkIgnoredKeys,
  checkHostOrder,
  checkHostUrls,
  checkHeaders,
  checkTlsKeys,
  checkUpstream,
  checkCapabilities,
  checkDirectoryNames,
  checkHiddenDirectories,
  checkStrays,
  checkTlsFiles,
  checkCertificates,
  checkDockerLayout,
  checkSecrets,
];

/** What directories and files of registry configuration have wrong. `told`: what is known of config.toml already. */
export function* checkHosts(view: NodeView, told: readonly Finding[]): Gradual<readonly Finding[]> {
  const context = yield* createHostsContext(view);
  const checked = yield* mapGradually(CHECKS, (check) => check(context));
  const found = [...checked.flat(), ...checkUnreadRoots(context, told)];
  yield;
  const isKnown = knownIn(view);
  return [...found, ...checkIntents(context, [...told, ...found])].filter(isKnown);
}

/** Of a registry whose hosts.toml is kept from whoever looks nothing can be said, and least that its pulls fail. */
function knownIn({ denied }: NodeView): (finding: Finding) => boolean {
  const unknown = denied.map((path) => path.replace(/\/hosts\.toml$/, ""));
  return ({ where }) =>
    where.kind !== "file" ||
    !unknown.some((path) => where.at.file === path || where.at.file.startsWith(`${path}/`));
}
