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

/** How containerd is started, of agent.toml. */
interface Started {
  readonly restart: readonly string[];
  readonly environmentFile: string | undefined;
}

/** The file of ours that gives containerd its environment. Undefined: it is not known how containerd is started. */
export function tracesPlaceOf(containerd: Started): EnvironmentPlace | undefined {
  if (containerd.environmentFile !== undefined)
    return { kind: "environment-file", path: containerd.environmentFile };
  const unit = serviceName(unitOf(containerd.restart));
  if (unit === undefined) return undefined;
  return { kind: "drop-in", path: `/etc/systemd/system/${unit}.d/50-mirrorlet-traces.conf` };
}

/**
 * The unit that is restarted, where it is not containerd's own, as with k3s, RKE2 and k0s: a drop-in of it gives its
 * environment to all of the program that starts containerd. Told by its name, which has containerd in it where
 * containerd is what the unit starts.
 */
export function sharedUnitOf({ restart, environmentFile }: Started): string | undefined {
  const unit = serviceName(unitOf(restart));
  return environmentFile !== undefined || unit?.includes("containerd") === true ? undefined : unit;
}

/** The whole name of a service, as systemctl completes it (systemd.unit(5)); undefined for what is none. */
export function serviceName(unit: string | undefined): string | undefined {
  if (unit === undefined || !/^[A-Za-z0-9:_\\@][A-Za-z0-9:_.\\@-]{0,240}$/.test(unit)) return undefined;
  if (/\.(?:target|socket|device|mount|automount|swap|timer|path|slice|scope)$/.test(unit)) return undefined;
  return unit.endsWith(".service") ? unit : `${unit}.service`;
}
