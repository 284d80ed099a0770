import { unitOf } from "../unit-of-command.ts";

/** Where containerd is told to send its traces. */
export interface TracesPlace {
  /**
   * environment-file: `KEY=value` lines, which whatever starts containerd reads · config: config.toml itself, for
   * releases that do not look at their environment.
   */
  readonly kind: "drop-in" | "environment-file" | "config";
  readonly path: string;
}

/** A file of ours that gives containerd its environment. */
export interface EnvironmentPlace extends TracesPlace {
  readonly kind: "drop-in" | "environment-file";
}

/** The file of ours that gives containerd its environment. Undefined: it is not known how containerd is started. */
export function tracesPlaceOf(containerd: {
  readonly restart: readonly string[];
  readonly environmentFile: string | undefined;
}): EnvironmentPlace | undefined {
  if (containerd.environmentFile !== undefined)
    return { kind: "environment-file", path: containerd.environmentFile };
  const unit = serviceName(unitOf(containerd.restart));
  if (unit === undefined) return undefined;
  return { kind: "drop-in", path: `/etc/systemd/system/${unit}.d/50-mirrorlet-traces.conf` };
}

/** The whole name of a service, as systemctl completes it (systemd.unit(5)); undefined for what is none. */
export function serviceName(unit: string | undefined): string | undefined {
  if (unit === undefined || !/^[A-Za-z0-9:_\\@][A-Za-z0-9:_.\\@-]{0,240}$/.test(unit)) return undefined;
  if (/\.(?:target|socket|device|mount|automount|swap|timer|path|slice|scope)$/.test(unit)) return undefined;
  return unit.endsWith(".service") ? unit : `${unit}.service`;
}
