import { plainText } from "../core/plain-text.ts";
import { type ExitCode, printJson } from "./command.ts";
import { type PlannedBundles, planBundles } from "./plan-bundles.ts";
import type { Push } from "./push.ts";
import type { PushRegistry, RestingBundles } from "./push-registry.ts";
import { nameOfTarget, placeOf, surveyText } from "./push-text.ts";
import { showPush } from "./show-push.ts";

/** Pushes bundles of which all can be had as often as wanted, or shows what that would be. */
export async function pushResting(bundles: Omit<RestingBundles, "kind">, all: Push): Promise<ExitCode> {
  const { wish, options, login, io, deps } = all;
  const plan = planBundles(bundles, all, "nothing was sent");
  if (plan === undefined) return 65;
  const { images, leftOut } = plan;
  let registry: PushRegistry;
  try {
    registry = await bundles.connect(wish, options, login);
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    return 2;
  }
  for (const warning of registry.warnings) io.stderr(`mirrorlet: ${plainText(warning)}\n`);
  try {
    if (options.dryRun === true) return await showSurvey(plan, registry, all);
    return await showPush(images, all, registry, {
      run: async (display) => ({ results: await registry.push(images, display.note), leftOut }),
    });
  } finally {
    registry.close();
  }
}

async function showSurvey(
  { images, leftOut }: PlannedBundles,
  registry: PushRegistry,
  { wish, io, deps }: Push,
): Promise<ExitCode> {
  const target = nameOfTarget(wish.target);
  try {
    const surveyed = await registry.survey(images);
    if (io.json)
      printJson(io, "push-plan", {
        target,
        images: surveyed.map(({ image, ...state }) => ({
          name: image.name,
          place: placeOf(image),
          digest: image.tree.image.top.digest,
          ...state,
        })),
        leftOut,
      });
    else io.stdout(surveyText(surveyed, target, io.columns ?? 80));
    return leftOut.length > 0 || surveyed.some(({ problem }) => problem !== undefined) ? 1 : 0;
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    return 2;
  }
}
