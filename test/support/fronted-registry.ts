import { after } from "node:test";
import { type FaultyFront, startFaultyFront } from "./faulty-front.ts";
import { type LabRegistry, startRegistry } from "./registry.ts";

/** A real registry, and before it a front that lets everything pass but what a test says. */
export interface FrontedRegistry {
  readonly registry: LabRegistry;
  readonly front: FaultyFront;
}

/** For all tests of a file, which ends both. `skip`: they do not run, and it is not there. */
export async function frontedRegistry(skip: string | undefined): Promise<FrontedRegistry> {
  if (skip !== undefined) return { registry: undefined as never, front: undefined as never };
  const registry = await startRegistry();
  const front = await startFaultyFront(registry.url);
  after(async () => {
    await front.stop();
    await registry.stop();
  });
  return { registry, front };
}
