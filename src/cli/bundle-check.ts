import { renderNode } from "../agent/render-node.ts";
import type { WantedPlatform } from "../core/bundle/dump/platform.ts";
import { readImageList } from "../core/bundle/dump/read-image-list.ts";
import { judgeMirrored, type MirroredImage, type MirrorHoldings } from "../core/bundle/mirrored-image.ts";
import { treeOfFiles } from "../core/containerd/host-tree.ts";
import { type ImageReference, parseImageReference } from "../core/containerd/image-reference.ts";
import { readRegistryConfig } from "../core/containerd/registry-config.ts";
import { resolveImage } from "../core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import {
  type ContainerdTraits,
  type ContainerdVersion,
  parseContainerdVersion,
  traitsOf,
} from "../core/containerd/version.ts";
import { decodeText } from "../core/decode-text.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import { formatIssue, hasErrors } from "../core/issue.ts";
import { plainText } from "../core/plain-text.ts";
import { checkText } from "./bundle-check-text.ts";
import type { BundleCheckOptions } from "./bundle-commands.ts";
import { createBundleProgress, type ProgressPlace } from "./bundle-progress.ts";
import { count } from "./bundle-text.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { readPlatforms } from "./read-platforms.ts";
import type { RenderDeps } from "./render.ts";
import type { TextFile } from "./text-file.ts";

/** What a mirror is asked with. Holds secrets. */
export interface MirrorAccess {
  readonly config: ReturnType<typeof readRegistryConfig>;
  readonly readFile: (path: string) => Uint8Array | undefined;
}

export interface CheckDeps
  extends ProgressPlace,
    Pick<RenderDeps, "config" | "load" | "installedVersion" | "sha256"> {
  /** A list of images; `-` is standard input. */
  readList(path: string): Promise<TextFile>;
  ask(target: {
    readonly reference: ImageReference;
    readonly host: ResolvedHost;
    readonly access: MirrorAccess;
    readonly traits: ContainerdTraits;
    readonly platforms: readonly WantedPlatform[];
  }): Promise<MirrorHoldings>;
}

/** Where nothing tells which containerd the nodes have: the newest that was measured. */
const ASSUMED_VERSION = "2.1.9";
/** Images that are asked for at a time. */
const AT_ONCE = 4;

/**
 * `bundle check`: whether the mirrors of a desired state have every image of a list, under the paths that containerd
 * would ask for. 0 all are there · 1 some are not · 2 a mirror could not be asked · 64 usage · 65 bad input.
 */
export async function bundleCheck(
  options: BundleCheckOptions,
  io: CommandIo,
  deps: CheckDeps,
): Promise<ExitCode> {
  const complain = (message: string, code: ExitCode): ExitCode => {
    io.stderr(`mirrorlet: ${plainText(message)}\n`);
    return code;
  };
  const { containerdVersion: text, platform, images } = options;
  const version =
    text === undefined
      ? ((await deps.installedVersion()) ?? parseContainerdVersion(ASSUMED_VERSION))
      : parseContainerdVersion(text);
  if (version === undefined) return complain(`not a containerd version: ${text} (write it like 1.7.24)`, 64);
  const platforms = readPlatforms(platform);
  if (typeof platforms === "string") return complain(platforms, 64);
  const listed = await deps.readList(images);
  const source = images === "-" ? "standard input" : images;
  if (!listed.ok) return complain(`${source}: ${listed.why}`, 65);
  const list = readImageList(listed.text, source);
  if (!list.ok) {
    for (const problem of list.problems) complain(problem, 65);
    return 65;
  }
  if (list.names.length === 0) return complain(`${images}: there is no image in the list`, 65);
  const { state, issues } = await deps.load(options.desired, version);
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  if (state === undefined || hasErrors(issues)) return 65;
  const node = createNode(state, version, deps);
  if (typeof node === "string") return complain(node, 65);
  const checked = await checkAll(list.names, node, platforms, io, deps);
  if (io.json)
    printJson(io, "bundle-check", {
      ok: exitCodeOf(checked) === 0,
      containerdVersion: version.text,
      images: checked,
    });
  else io.stdout(checkText(checked, io.columns));
  return exitCodeOf(checked);
}

interface Node {
  resolve(reference: ImageReference): readonly ResolvedHost[];
  readonly access: MirrorAccess;
  readonly traits: ContainerdTraits;
}

/** A node with nothing but this desired state, as `render` makes it; a text says why there is none. */
function createNode(
  state: DesiredState,
  version: ContainerdVersion,
  { config: agentConfig, sha256 }: CheckDeps,
): Node | string {
  const { files, plan } = renderNode(state, { config: agentConfig, version, configToml: undefined, sha256 });
  const [problem] = plan.problems;
  if (problem !== undefined) return `${problem.namespace}: ${problem.reason}`;
  const path = agentConfig.containerd.config;
  const main = files.find((file) => file.path === path);
  const config = readRegistryConfig(
    main === undefined ? undefined : { path, text: decodeText(main.bytes) ?? "" },
    [],
    version,
  );
  const tree = treeOfFiles(files);
  return {
    resolve: (reference) => resolveImage({ reference, version, config, tree }).hosts,
    access: { config, readFile: tree.readFile },
    traits: traitsOf(version),
  };
}

async function checkAll(
  names: readonly string[],
  { resolve, access, traits }: Node,
  platforms: readonly WantedPlatform[],
  io: CommandIo,
  deps: CheckDeps,
): Promise<readonly MirroredImage[]> {
  const checked: MirroredImage[] = [];
  const pending = [...names.entries()];
  let done = 0;
  const progress = createBundleProgress("checking", count(names.length, "image"), io.stderr, deps);
  const checkOne = async (name: string): Promise<MirroredImage> => {
    const parsed = parseImageReference(name.replace(/:[^/@]*@/, "@"));
    if (!parsed.ok) throw new Error(parsed.message);
    const { reference } = parsed;
    const mirrors = resolve(reference).filter(({ role }) => role === "mirror");
    const holdings: MirrorHoldings[] = [];
    for (const host of mirrors) holdings.push(await deps.ask({ reference, host, access, traits, platforms }));
    return judgeMirrored(name, holdings);
  };
  const work = async (): Promise<void> => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const [at, name] = next;
      checked[at] = await checkOne(name);
      done += 1;
      progress.count(done, names.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  progress.end();
  return checked;
}

function exitCodeOf(checked: readonly MirroredImage[]): ExitCode {
  if (checked.some(({ verdict }) => verdict === "missing" || verdict === "no-mirror")) return 1;
  return checked.some(({ verdict }) => verdict === "unknown") ? 2 : 0;
}
