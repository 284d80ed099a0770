import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { checkDroppedFiles } from "./check-dropped-file.ts";
import { checkFilePresence } from "./check-file-presence.ts";
import { checkIntents } from "./check-intents.ts";
import { createHostsContext } from "./hosts-context.ts";

const CHECKS = [checkDroppedFiles, checkFilePresence];

/** What directories and files of registry configuration have wrong. `told`: what is known of config.toml already. */
export function checkHosts(view: NodeView, told: readonly Finding[] = []): readonly Finding[] {
  const context = createHostsContext(view);
  const found = CHECKS.flatMap((check) => check(context));
  return [...found, ...checkIntents(context, [...told, ...found])];
}
