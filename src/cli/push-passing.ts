import { plainText } from "../core/plain-text.ts";
import type { ExitCode } from "./command.ts";
import { planBundles } from "./plan-bundles.ts";
import type { Push } from "./push.ts";
import type { PushDisplay } from "./push-display.ts";
import type { PassingBundles, PassingRegistry, PassingRun } from "./push-registry.ts";
import { pushResting } from "./push-resting.ts";
import { type PushEnd, showPush } from "./show-push.ts";
import { showReading } from "./show-reading.ts";

/** Pushes bundles that come by in streams: what they hold is known only when most of it has been sent. */
export async function pushPassing(bundles: PassingBundles, all: Push): Promise<ExitCode> {
  const { wish, options, login, io, deps } = all;
  if (options.dryRun === true) return pushResting(await showReading(all, bundles.scan), all);
  let registry: PassingRegistry;
  try {
    registry = await bundles.connect(wish, options, login);
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    return 2;
  }
  for (const warning of registry.warnings) io.stderr(`mirrorlet: ${plainText(warning)}\n`);
  try {
    let passing: PassingRun | undefined;
    return await showPush(undefined, all, registry, {
      run(display) {
        passing = registry.begin(display.note);
        return run(passing, all, display);
      },
      clean: async (isWhole) => passing?.clean(isWhole),
    });
  } finally {
    registry.close();
  }
}

async function run(passing: PassingRun, all: Push, display: PushDisplay): Promise<PushEnd> {
  const recalled = await passing.recall();
  if (recalled !== undefined) {
    display.recall(recalled);
    return { results: recalled.map(({ result }) => result) };
  }
  const read = await passing.read();
  const io = { ...all.io, stderr: display.write };
  const plan = planBundles(read, { ...all, io }, "no image was pushed");
  if (plan === undefined) return {};
  const { images, leftOut } = plan;
  display.plan(images);
  return { results: await passing.push(images, leftOut.length === 0), leftOut };
}
