import { compareDumps, effectiveConfigPath } from "../core/containerd/config/compare-dumps.ts";
import type { EditConfigStep } from "../core/plan/step.ts";
import type { Ports } from "./ports.ts";

/** Beside config.toml while containerd is asked about it; a crash may leave it there. */
export function candidatePath(configPath: string): string {
  return `${configPath}.mirrorlet-candidate`;
}

/**
 * The candidate as containerd itself reads it, from a file beside the real one so that relative imports mean the
 * same. Returns containerd's objection; undefined: accepted, and nothing but owned keys differs.
 */
export async function checkCandidate(
  step: EditConfigStep,
  configPath: string | undefined,
  { files, containerd }: Ports,
): Promise<string | undefined> {
  const candidate = candidatePath(step.path);
  await files.write([{ path: candidate, bytes: step.after, mode: 0o600, secret: true }]);
  try {
    // At once: each takes a tenth of a second, of the time in which pulls do not go to the mirrors yet.
    const [after, before] = await Promise.all([
      containerd.dumpConfig(candidate),
      step.before === undefined ? undefined : containerd.dumpConfig(step.path),
    ]);
    if (!after.ok) return `containerd refuses the new ${step.path}: ${after.message}`;
    const effective = effectiveConfigPath(after.toml);
    if (configPath !== undefined && effective !== configPath)
      return `with the new ${step.path} containerd would read registry configuration from ${JSON.stringify(effective ?? "")}, not from ${configPath}: an import or a drop-in overrides it`;
    // A file containerd cannot read now has no dump to compare with; the gate still stands behind this.
    if (before?.ok !== true) return undefined;
    const foreign = compareDumps(before.toml, after.toml);
    return foreign.length === 0
      ? undefined
      : `the new ${step.path} would change more than registry settings: ${foreign.join(", ")}`;
  } finally {
    await files.remove([candidate]);
  }
}
