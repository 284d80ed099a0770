import { describeFate } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { checkIntents } from "./check-intents.ts";
import { createHostsContext, type HostsContext } from "./hosts-context.ts";

/** What directories and files of registry configuration have wrong. `told`: what is known of config.toml already. */
export function checkHosts(view: NodeView, told: readonly Finding[] = []): readonly Finding[] {
  const context = createHostsContext(view);
  const found = checkDropped(context);
  return [...found, ...checkIntents(context, [...told, ...found])];
}

function checkDropped({ ruling, view }: HostsContext): readonly Finding[] {
  return ruling.flatMap(({ resolution, fate }): readonly Finding[] => {
    const { dropped, file = "" } = resolution;
    if (dropped === undefined) return [];
    return [
      {
        code: "hosts-file-dropped",
        severity: "error",
        where: atFile({ file, line: dropped.line ?? 1, column: dropped.column ?? 1 }),
        fact: `containerd ${view.version.text} drops the whole file: ${dropped.reason}`,
        consequence: describeFate(fate),
        fix: "mend the line; containerd reads the file again at the next pull",
      },
    ];
  });
}
