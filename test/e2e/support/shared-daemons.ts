import { type Generation, type LabContainerd, startContainerd } from "../../support/containerd.ts";

/** One containerd of each generation for all tests of a file, started when first asked for. */
export interface SharedDaemons {
  get(generation: Generation): Promise<LabContainerd>;
  stop(): Promise<void>;
}

export function shareDaemons(
  options: Omit<Parameters<typeof startContainerd>[0], "generation">,
): SharedDaemons {
  const started = new Map<Generation, Promise<LabContainerd>>();
  return {
    get(generation) {
      const daemon = started.get(generation) ?? startContainerd({ ...options, generation });
      started.set(generation, daemon);
      return daemon;
    },
    async stop() {
      await Promise.allSettled([...started.values()].map(async (daemon) => (await daemon).stop()));
    },
  };
}
