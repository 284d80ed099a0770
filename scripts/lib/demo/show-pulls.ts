import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { maskSecrets } from "../../../src/core/plan/mask-secrets.ts";
import { renderDiff } from "../../../src/core/plan/render-diff.ts";
import { type Generation, type LabContainerd, startContainerd } from "../../../test/support/containerd.ts";
import { type ContainerdPaths, defaultConfig } from "../../../test/support/containerd-config.ts";
import { buildImage } from "../../../test/support/image.ts";
import { leaseDirectory } from "../../../test/support/leased-directory.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../../../test/support/upstream-trap.ts";
import { type AgentProcess, startAgent } from "../agent-process.ts";
import { runMirrorlet } from "../run-mirrorlet.ts";
import { timed } from "../timed.ts";
import { imagePath, type Mirror, startMirror } from "./mirror.ts";
import { type Look, type Screen, shortenDigests } from "./screen.ts";
import type { Undo } from "./undo.ts";

const IMAGE = "gcr.io/kubernetes-e2e-test-images/nautilus:1.0";

interface Stage {
  readonly screen: Screen;
  readonly containerd: LabContainerd;
  readonly trap: UpstreamTrap;
  readonly first: Mirror;
  readonly second: Mirror;
  /** The demo's own files: desired state, agent.toml, state directory. */
  readonly directory: string;
}

/** The main job on a real containerd: pulls that go nowhere, then to one mirror, then to another. */
export async function showPulls(
  generation: Generation,
  preparedSeconds: number,
  screen: Screen,
  undo: Undo,
): Promise<void> {
  const startedMs = performance.now();
  screen.title("mirrorlet: pulls of gcr.io images that go to your mirror");
  screen.say(
    "Real daemons from Debian's packages, unpacked into a cache and run from there. Everything listens on 127.0.0.1 and lives below /tmp/mirrorlet-*; it is gone when this ends. `mirrorlet` below is `node dist/main.js`.",
  );
  screen.took("this machine made ready (downloads, npm packages, build)", preparedSeconds * 1000);
  const stage = await setStage(generation, screen, undo);
  await pullWithoutMirror(stage);
  const before = await readFile(stage.containerd.configPath);
  const agent = await letAgentWork(stage, before, undo);
  await pullFromFirst(stage);
  await moveToSecond(stage, agent);
  await putBack(stage, agent, before);
  screen.title(
    `\nDone in ${((performance.now() - startedMs) / 1000).toFixed(1)} s. Next: README.md, "Run it on a node".`,
  );
}

async function setStage(generation: Generation, screen: Screen, undo: Undo): Promise<Stage> {
  screen.step("Two mirrors, and an image made just now");
  const lease = await leaseDirectory("demo");
  undo.add(() => lease.release());
  const trap = await startUpstreamTrap();
  undo.add(() => trap.stop());
  const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, bytesPerLayer: 100_000 });
  const mirrors: Mirror[] = [];
  for (const name of ["mirror-a", "mirror-b"]) {
    const { value, ms } = await timed(() => startMirror(name, image, join(lease.path, "pki")));
    undo.add(() => value.stop());
    mirrors.push(value);
    screen.took(`${name}  ${value.endpoint}`, ms);
  }
  screen.say(
    `Each is a docker-registry with a private CA and Basic credentials, and holds ${imagePath.slice(4, -1)}:1.0 (${shortenDigests(image.digest)}, two platforms).`,
  );

  screen.step("A containerd that knows nothing of them");
  const started = await timed(() =>
    startContainerd({
      generation,
      upstreamTrap: trap,
      config: (paths) => withoutRegistry(generation, paths),
    }),
  );
  const containerd = started.value;
  undo.add(() => containerd.stop());
  const [first, second] = mirrors as [Mirror, Mirror];
  screen.took(`containerd ${plainVersion(containerd)}, pid ${await containerd.pid()}`, started.ms);
  return { screen, containerd, trap, first, second, directory: lease.path };
}

/** As a node comes: nothing about registries in it. */
function withoutRegistry(generation: Generation, paths: ContainerdPaths): string {
  return defaultConfig(generation, paths).replace(/\[[^\n]*\.registry\]\n[^\n]*\n/, "");
}

async function pullWithoutMirror({ screen, containerd, trap }: Stage): Promise<void> {
  const { value: pull, ms } = await timed(() => containerd.pull(IMAGE));
  if (pull.ok) throw new Error("the pull worked although nothing could serve it");
  screen.took(`CRI PullImage ${IMAGE}: ${pull.code}`, ms);
  screen.say("Its way out is a proxy of ours that refuses everybody and notes who was asked for:");
  screen.quote(contacts(trap).join("\n"));
}

async function letAgentWork(stage: Stage, before: Buffer, undo: Undo): Promise<AgentProcess> {
  const { screen, containerd, directory, first } = stage;
  screen.step("The wish, and the agent");
  await writeDesiredState(stage, first);
  screen.quote(desiredState(first));
  const pidBefore = await containerd.pid();
  const { value: agent, ms } = await timed(async () => {
    const process = await startAgent(directory, await writeAgentConfig(stage));
    undo.add(() => process.stop());
    await process.waitFor(({ outcome }) => outcome === "applied", 0, 60_000);
    return process;
  });
  screen.took("mirrorlet agent --config agent.toml: started, and the wish in force", ms);
  screen.say(`It asked ${first.name} first whether it answers, and takes the credential:`);
  screen.quote((await first.newAccesses()).join("\n"));
  screen.say(`What changed in /etc/containerd (here ${containerd.etc}):`);
  const after = await readFile(containerd.configPath);
  screen.quote(withoutHead(renderDiff("config.toml", before, after)), diffLook);
  await showTree(stage);
  screen.proof(
    `config_path was new to this containerd, so it was restarted once: pid ${pidBefore} → ${await containerd.pid()}`,
  );
  return agent;
}

async function pullFromFirst(stage: Stage): Promise<void> {
  stage.screen.step("The same pull");
  await pullAndShow(stage, stage.first, stage.second);
}

async function moveToSecond(stage: Stage, agent: AgentProcess): Promise<void> {
  const { screen, containerd, second, first } = stage;
  screen.step(`Another wish: ${second.name} instead`);
  await containerd.removeImage(IMAGE);
  const from = agent.position();
  const pidBefore = await containerd.pid();
  const { value: line, ms } = await timed(async () => {
    await writeDesiredState(stage, second);
    return agent.waitFor(({ outcome }) => outcome === "applied", from, 30_000);
  });
  screen.took(`desired-state.yaml replaced; in force (the pass itself: ${line.duration_ms} ms)`, ms);
  screen.quote((line.done ?? []).map((each) => shortPaths(each, containerd)).join("\n"));
  await pullAndShow(stage, second, first);
  const pid = await containerd.pid();
  if (pid !== pidBefore) throw new Error(`containerd was restarted: pid ${pidBefore} → ${pid}`);
  screen.proof(`no restart: containerd is still pid ${pid}, started ${startTime(pid)}`);
}

async function putBack(stage: Stage, agent: AgentProcess, before: Buffer): Promise<void> {
  const { screen, containerd, directory } = stage;
  screen.step("And back");
  await agent.stop();
  const { value: output, ms } = await timed(() =>
    runMirrorlet(["restore", "--config", join(directory, "agent.toml")]),
  );
  screen.took("mirrorlet restore, after the agent has been stopped", ms);
  screen.quote(shortPaths(output, containerd));
  const left = await readdir(containerd.certsD).catch(() => []);
  if (!before.equals(await readFile(containerd.configPath)) || left.length > 0)
    throw new Error(`not as before: ${left.join(", ")}`);
  screen.proof("config.toml has its old bytes, and certs.d is empty again");
}

/** Pulls, and holds both mirrors and the trap to it: what is shown is what was checked. */
async function pullAndShow({ screen, containerd, trap }: Stage, serving: Mirror, idle: Mirror) {
  trap.clearContacts();
  await Promise.all([serving.newAccesses(), idle.newAccesses()]);
  const { value: pull, ms } = await timed(() => containerd.pull(IMAGE));
  if (!pull.ok) throw new Error(`the pull failed: ${pull.code} ${pull.message}`);
  screen.took(`CRI PullImage ${IMAGE}: OK`, ms);
  const [asked, others] = [await serving.newAccesses(), await idle.newAccesses()];
  screen.say(`${serving.name}, docker-registry's own access log, below ${imagePath}`);
  screen.quote(asked.join("\n"));
  if (!asked.some((line) => line.includes("blobs/")) || others.length > 0 || trap.contacts().length > 0)
    throw new Error(`not served by ${serving.name} alone: ${[...others, ...contacts(trap)].join("; ")}`);
  screen.proof(
    `served by ${serving.name} alone: ${asked.length} requests there, none at ${idle.name}, none to gcr.io or anybody else`,
  );
}

/** Without the build's own addition, such as `+unknown`. */
function plainVersion({ version }: LabContainerd): string {
  return version.text.replace(/\+.*/, "");
}

function contacts(trap: UpstreamTrap): readonly string[] {
  const counts = new Map<string, number>();
  for (const { method, target } of trap.contacts()) {
    const key = `${method} ${target}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => (count === 1 ? key : `${key}  (${count} times)`));
}

function desiredState(mirror: Mirror): string {
  return `registryMirrors:
  - endpoint: ${mirror.endpoint}
    hosts: [gcr.io, docker.io]
    caCertPath: ${mirror.caCertPath}
    pullCredentialConfigPath: ${mirror.pullCredentialConfigPath}
`;
}

/** As careful writers do it: a whole new file, renamed into place. */
async function writeDesiredState({ directory }: Stage, mirror: Mirror): Promise<void> {
  const path = join(directory, "desired-state.yaml");
  await writeFile(`${path}.new`, desiredState(mirror));
  await rename(`${path}.new`, path);
}

async function writeAgentConfig({ containerd, directory }: Stage): Promise<string> {
  const path = join(directory, "agent.toml");
  await mkdir(join(directory, "state"));
  await writeFile(
    path,
    `desired_state = "${directory}/desired-state.yaml"
state_dir = "${directory}/state"
[containerd]
config = "${containerd.configPath}"
certs_d = "${containerd.certsD}"
socket = "${containerd.socket}"
binary = "${containerd.binary}"
restart = ${JSON.stringify(containerd.restartCommand)}
[http]
address = "127.0.0.1:0"
`,
  );
  return path;
}

async function showTree({ screen, containerd }: Stage): Promise<void> {
  const names = await readdir(containerd.certsD, { recursive: true });
  const rows = await Promise.all(
    names.sort().map(async (name) => {
      const stats = await stat(join(containerd.certsD, name));
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
      return `${mode}  certs.d/${name}${stats.isDirectory() ? "/" : ""}`;
    }),
  );
  screen.quote(rows.join("\n"));
  screen.say("certs.d/gcr.io/hosts.toml, the credential hidden here:");
  const text = await readFile(join(containerd.certsD, "gcr.io/hosts.toml"), "utf8");
  screen.quote(shortPaths(maskSecrets(text), containerd), (line) =>
    line.startsWith("#") ? "quiet" : "plain",
  );
}

function shortPaths(text: string, containerd: LabContainerd): string {
  return text.replaceAll(containerd.etc, "…");
}

function withoutHead(diff: string): string {
  return diff.replace(/^---.*\n\+\+\+.*\n/, "--- config.toml\n");
}

function diffLook(line: string): Look {
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : "plain";
}

/** The time the kernel says the process began. */
function startTime(pid: number): string {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  // starttime is the 22nd field, in ticks of which Linux shows 100 a second; two fields were cut off before it.
  const agoSeconds = uptime - Number(fields[19]) / 100;
  return `${agoSeconds.toFixed(0)} s ago`;
}
