import { planPush } from "../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../core/bundle/push/push-event.ts";
import type { PushTarget } from "../core/bundle/push/push-target.ts";
import { plainText } from "../core/plain-text.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { findLogin, loginWarnings } from "./find-login.ts";
import type { PushOptions } from "./push-commands.ts";
import { createPushDisplay } from "./push-display.ts";
import type { OpenedBundles, PushDeps, PushLoginGiven, PushRegistry } from "./push-registry.ts";
import { placeOf, summaryText, surveyText } from "./push-text.ts";
import { type PushWish, readPushOptions } from "./read-push-options.ts";

/**
 * `push`: gets the images of bundles to a registry. 0 all are there · 1 some could not be pushed · 2 the registry
 * cannot be reached or lets nobody in, so that nothing was sent · 64 usage · 65 the bundle cannot be pushed.
 */
export async function push(
  given: readonly string[],
  options: PushOptions,
  io: CommandIo,
  deps: PushDeps,
): Promise<ExitCode> {
  const complain = (message: string, code: ExitCode): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return code;
  };
  const read = readPushOptions(given, options);
  if (!read.ok) return complain(`${read.message}\n(mirrorlet push --help shows how it is used)`, 64);
  const { wish } = read;
  for (const warning of loginWarnings(options)) io.stderr(`mirrorlet: ${warning}\n`);
  const login = await findLogin(wish.login, wish.target.host, deps);
  if (typeof login === "string") return complain(login, 64);
  let bundles: OpenedBundles;
  try {
    bundles = await deps.open(wish.sources);
  } catch (error) {
    return complain(plainText(deps.explain(error)), 65);
  }
  return pushBundles(bundles, { wish, options, login, io, deps });
}

interface Push {
  readonly wish: PushWish;
  readonly options: PushOptions;
  readonly login: PushLoginGiven;
  readonly io: CommandIo;
  readonly deps: PushDeps;
}

async function pushBundles(bundles: OpenedBundles, all: Push): Promise<ExitCode> {
  const { wish, options, login, io, deps } = all;
  const plan = planPush(bundles.trees, {
    namespace: wish.target.namespace,
    name: options.name,
    allowNewDigest: options.allowNewDigest === true,
  });
  const problems = [...new Set([...bundles.problems, ...plan.problems])];
  if (plan.images.length === 0 && problems.length === 0) {
    io.stderr(`mirrorlet: ${wish.sources.join(", ")}: no image in there\n`);
    return 65;
  }
  if (problems.length > 0) {
    for (const problem of problems) io.stderr(`mirrorlet: ${plainText(problem)}\n`);
    io.stderr("mirrorlet: nothing was sent\n");
    return 65;
  }
  for (const { name, tree } of plan.images)
    if (tree.image.newDigest !== undefined)
      io.stderr(
        `mirrorlet: ${name} gets a new digest, ${tree.image.top.digest}: ${plainText(tree.image.newDigest)}\n`,
      );
  let registry: PushRegistry;
  try {
    registry = await bundles.connect(wish, options, login);
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    return 2;
  }
  try {
    return options.dryRun === true
      ? await showSurvey(plan.images, registry, all)
      : await sendImages(plan.images, registry, all);
  } finally {
    registry.close();
  }
}

type Images = ReturnType<typeof planPush>["images"];

async function sendImages(
  images: Images,
  registry: PushRegistry,
  { wish, io, deps }: Push,
): Promise<ExitCode> {
  const { place } = deps;
  const startMs = place.now();
  const display = createPushDisplay(images, {
    ...place,
    write: io.stderr,
    kind: io.json ? "json" : place.isTerminal ? "terminal" : "lines",
  });
  let results: readonly ImageResult[];
  try {
    results = await registry.push(images, display.note);
  } catch (error) {
    display.end();
    throw error;
  }
  const view = display.end();
  const tookMs = place.now() - startMs;
  const target = nameOf(wish.target);
  if (io.json) printJson(io, "push", { target, images: results, bytes: view.bytes, tookMs });
  else io.stdout(summaryText(results, view, target, tookMs, io.columns ?? 80));
  return results.every(({ result }) => result === "pushed" || result === "there") ? 0 : 1;
}

async function showSurvey(
  images: Images,
  registry: PushRegistry,
  { wish, io, deps }: Push,
): Promise<ExitCode> {
  const target = nameOf(wish.target);
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
      });
    else io.stdout(surveyText(surveyed, target));
    return surveyed.some(({ problem }) => problem !== undefined) ? 1 : 0;
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    return 2;
  }
}

function nameOf({ host, namespace }: PushTarget): string {
  return namespace === "" ? host : `${host}/${namespace}`;
}
