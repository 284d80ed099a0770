import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

const steps = new WeakMap<TestContext, (() => unknown)[]>();

/** At the end of the test: what came last first, each awaited, all of them whatever one of them throws. */
export function atEnd(t: TestContext, step: () => unknown): void {
  const known = steps.get(t);
  if (known !== undefined) {
    known.push(step);
    return;
  }
  const all = [step];
  steps.set(t, all);
  t.after(async () => {
    const errors: unknown[] = [];
    for (const one of all.toReversed()) {
      try {
        await one();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "the end of a test");
  });
}

/** A directory that goes away after everything that was begun later. */
export async function directoryOf(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "mirrorlet-test-"));
  atEnd(t, () => rm(directory, { recursive: true, force: true }));
  return directory;
}
