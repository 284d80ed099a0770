import type { Containerd } from "../ports.ts";

/** The same containerd for passes: before they pull, look at image records or restart it, canaries make room. */
export function yieldToPass(containerd: Containerd, interrupt: () => Promise<void>): Containerd {
  const after =
    <Args extends readonly unknown[], Result>(verb: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await interrupt();
      return verb(...args);
    };
  return {
    ...containerd,
    restart: after(containerd.restart),
    pullImage: after(containerd.pullImage),
    images: { ...containerd.images, records: after(containerd.images.records) },
  };
}
