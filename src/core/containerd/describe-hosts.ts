import { entryUrl } from "./hosts-toml/host-entry.ts";
import type { Resolution } from "./resolve-image.ts";

/**
 * The meaning of a resolution in lines that compare: the same lines, the same hosts with the same settings in the
 * same order. Header values are left out (they are secrets); their names are not.
 */
export function describeHosts(resolution: Resolution): readonly string[] {
  if (resolution.outcome.kind === "pull-fails") return [`pull fails: ${resolution.outcome.reason}`];
  return resolution.hosts.map(({ entry, role }) =>
    [
      role,
      entryUrl(entry),
      [...entry.capabilities].sort().join("+"),
      ...(entry.ca ? [`ca=${entry.ca.join(",")}`] : []),
      ...(entry.client ? [`client=${entry.client.map((pair) => pair.join("|")).join(",")}`] : []),
      ...(entry.skipVerify === undefined ? [] : [`skip-verify=${entry.skipVerify}`]),
      ...(entry.header ? [`header=${entry.header.map(({ name }) => name).join(",")}`] : []),
      ...(entry.dialTimeoutMs === undefined ? [] : [`dial=${entry.dialTimeoutMs}ms`]),
      ...(entry.httpsFirst ? ["https-first"] : []),
    ].join(" "),
  );
}
