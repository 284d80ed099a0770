import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { checkAccess } from "./check-access.ts";
import { checkDocker } from "./check-docker.ts";
import { checkDump } from "./check-dump.ts";
import { checkAbsence, checkHealth } from "./check-health.ts";
import { checkMounts } from "./check-mounts.ts";
import { checkProxies } from "./check-proxies.ts";
import { checkStaleness } from "./check-staleness.ts";
import { checkStart } from "./check-start.ts";
import { checkTrust } from "./check-trust.ts";
import { checkUnit } from "./check-unit.ts";
import { checkVersions } from "./check-versions.ts";
import { listMirrors } from "./list-mirrors.ts";

/** Where the containerd that runs differs from what the files say. */
export function checkProcess(view: NodeView): readonly Finding[] {
  const { process } = view;
  if (process === undefined) return checkAbsence(view);
  const mirrors = listMirrors(view);
  return [
    ...checkHealth(view, process),
    ...checkStart(view, process),
    ...checkStaleness(view, process),
    ...checkVersions(view, process),
    ...checkDump(view, process),
    ...checkMounts(process),
    ...checkAccess(process),
    ...checkProxies(process, mirrors),
    ...checkTrust(process, mirrors),
    ...checkUnit(process),
    ...checkDocker(view, process),
  ];
}
