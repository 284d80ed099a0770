import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { checkConfigPath } from "./check-config-path.ts";
import { checkCredentials } from "./check-credentials.ts";
import { checkCri } from "./check-cri.ts";
import { checkDaemon } from "./check-daemon.ts";
import { checkIgnored } from "./check-ignored.ts";
import { checkImports } from "./check-imports.ts";
import { checkLegacy } from "./check-legacy.ts";
import { checkProgressTimeout } from "./check-progress-timeout.ts";
import { checkSandboxImage } from "./check-sandbox-image.ts";
import { checkStorage } from "./check-storage.ts";
import { checkUnknownKeys } from "./check-unknown-keys.ts";

/** What config.toml and its imports have wrong. What keeps containerd or CRI from coming up is told alone. */
export function checkConfig(view: NodeView): readonly Finding[] {
  const fatal = [...checkDaemon(view), ...checkCri(view)];
  if (fatal.length > 0) return fatal;
  const astray = [...checkIgnored(view), ...checkImports(view), ...checkUnknownKeys(view)];
  const explained = astray.some(({ severity }) => severity === "error");
  return [
    ...astray,
    ...checkConfigPath(view, explained),
    ...checkLegacy(view),
    ...checkCredentials(view),
    ...checkProgressTimeout(view),
    ...checkSandboxImage(view),
    ...checkStorage(view),
  ];
}
