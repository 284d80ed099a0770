import { type DockerRegistry, startDockerRegistry } from "../../../test/support/docker-registry.ts";
import type { ImageOptions } from "../../../test/support/image.ts";
import { pushImage } from "../../../test/support/push-image.ts";

/** A real registry in a process of its own, asked without anything in between. */
export interface BenchMirror {
  readonly url: string;
  /** Pushes a new image and returns its name on the node. */
  push(name: string, options: ImageOptions): Promise<string>;
  stop(): Promise<void>;
}

export async function startBenchMirror(): Promise<BenchMirror> {
  const registry: DockerRegistry = await startDockerRegistry({ kind: "none" });
  const storage = { url: registry.url, authorization: () => undefined };
  return {
    url: registry.url,
    async push(name, options) {
      await pushImage({ storage }, `bench/${name}`, "1", options);
      return `gcr.io/bench/${name}:1`;
    },
    stop: () => registry.stop(),
  };
}
