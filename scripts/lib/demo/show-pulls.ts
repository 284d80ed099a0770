import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { maskSecrets } from "../../../src/core/plan/mask-secrets.ts";
import { renderDiff } from "../../../src/core/plan/render-diff.ts";
import { type Generation, type LabContainerd, startContainerd } from "../../../test/support/containerd.ts";
import { type ContainerdPaths, defaultConfig } from "../../../test/support/containerd-config.ts";
import { findFreePort } from "../../../test/support/free-port.ts";
import { buildImage } from "../../../test/support/image.ts";
import { leaseDirectory } from "../../../test/support/leased-directory.ts";
import { type AgentProcess, startAgent } from "../agent-process.ts";
import { runMirrorlet } from "../run-mirrorlet.ts";
import { timed } from "../timed.ts";
import { imagePath, type Mirror, REPOSITORY, startMirror } from "./mirror.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { type Look, type Screen, shortenDigests } from "./screen.ts";
import { showStatus } from "./show-status.ts";
import type { Undo } from "./undo.ts";

const IMAGE = "gcr.io/kubernetes-e2e-test-images/nautilus:1.0";

interface Stage {
  readonly screen: Screen;
  readonly containerd: LabContainerd;
  readonly origin: Origin;
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
  screen.title("mirrorlet: pulls of gcr.io images that go to your mirror, and the proof of it");
  screen.say(
    "Real daemons from Debian's packages, unpacked into a cache and run from there. Everything listens on 127.0.0.1 and lives below /tmp/mirrorlet-*; it is gone when this ends. `mirrorlet` below is `node dist/main.js`.",
  );
  screen.took("this machine made ready (downloads, npm packages, build)", preparedSeconds * 1000);
  const stage = await setStage(generation, screen, undo);
  await pullWithoutMirror(stage);
  const before = await readFile(stage.containerd.configPath);
  const agent = await letAgentWork(stage, before, undo);
  await pullFromFirst(stage);
  await loseFirst(stage);
  await moveToSecond(stage, agent);
  await putBack(stage, agent, before);
  screen.title(
    `\nDone in ${((performance.now() - startedMs) / 1000).toFixed(1)} s. Next: README.md, "Run it on a node".`,
  );
}

async function setStage(generation: Generation, screen: Screen, undo: Undo): Promise<Stage> {
  screen.step("A gcr.io, two mirrors, and an image made just now");
  const lease = await leaseDirectory("demo");
  undo.add(() => lease.release());
  const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, bytesPerLayer: 100_000 });
  const { value: origin, ms: originMs } = await timed(() => startOrigin(REPOSITORY, "1.0", image));
  undo.add(() => origin.stop());
  screen.took("gcr.io, played by a registry of ours behind containerd's proxy", originMs);
  const mirrors: Mirror[] = [];
  for (const name of ["mirror-a", "mirror-b"]) {
    const { value, ms } = await timed(() => startMirror(name, image, join(lease.path, "pki")));
    undo.add(() => value.stop());
    mirrors.push(value);
    screen.took(`${name}  ${value.endpoint}`, ms);
  }
  screen.say(
    `Each is a docker-registry; the mirrors have a private CA and Basic credentials. All hold ${REPOSITORY}:1.0 (${shortenDigests(image.digest)}, two platforms), the mirrors below ${imagePath.slice(4).replace(`${REPOSITORY}/`, "")}.`,
  );

  screen.step("A containerd that knows nothing of them");
  const started = await timed(() =>
    startContainerd({
      generation,
      ...origin.daemonOptions,
      config: (paths) => withoutRegistry(generation, paths),
    }),
  );
  const containerd = started.value;
  undo.add(() => containerd.stop());
  const [first, second] = mirrors as [Mirror, Mirror];
  screen.took(`containerd ${plainVersion(containerd)}, pid ${await containerd.pid()}`, started.ms);
  return { screen, containerd, origin, first, second, directory: lease.path };
}

/** As a node comes: nothing about registries in it. */
function withoutRegistry(generation: Generation, paths: ContainerdPaths): string {
  return defaultConfig(generation, paths).replace(/\[[^\n]*\.registry\]\n[^\n]*\n/, "");
}

async function pullWithoutMirror({ screen, containerd, origin }: Stage): Promise<void> {
  const { value: pull, ms } = await timed(() => containerd.pull(IMAGE));
  if (!pull.ok) throw new Error(`the pull failed: ${pull.code} ${pull.message}`);
  screen.took(`CRI PullImage ${IMAGE}: OK`, ms);
  const contacts = origin.newContacts();
  if (contacts.length === 0) throw new Error("the pull did not go to gcr.io");
  screen.say("Of course it goes to gcr.io, by the record of the proxy, which is containerd's only way out:");
  screen.quote(contacts.join("\n"));
  await containerd.removeImage(IMAGE);
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
    `config_path was new to this containerd, so it was restarted, once: pid ${pidBefore} → ${await containerd.pid()}`,
  );
  return agent;
}

async function pullFromFirst(stage: Stage): Promise<void> {
  stage.screen.step("The same pull, and what mirrorlet says of it");
  await pullAndShow(stage, stage.first, stage.second);
  await showStatus(stage, 0, /^1 of 2 registries are served by their mirrors/);
}

/** The failure that nobody notices, unless somebody looks where pulls go. */
async function loseFirst(stage: Stage): Promise<void> {
  const { screen, containerd, origin, first } = stage;
  screen.step(`${first.name} stops`);
  await containerd.removeImage(IMAGE);
  await first.stop();
  await showStatus(stage, 1, /^2 of 2 registries .*connection refused/);
  const { value: pull, ms } = await timed(() => containerd.pull(IMAGE));
  const contacts = origin.newContacts();
  if (!pull.ok || contacts.length === 0) throw new Error("the pull did not go to gcr.io");
  screen.took(`CRI PullImage ${IMAGE}: OK, and nobody is told that it came from elsewhere:`, ms);
  screen.quote(contacts.join("\n"));
  await showStatus(stage, 1, /^Pulls of gcr\.io bypass the mirror: .*connection refused/);
}

async function moveToSecond(stage: Stage, agent: AgentProcess): Promise<void> {
  const { screen, containerd, second } = stage;
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
  await pullAndShow(stage, second);
  await showStatus(stage, 0, /^1 of 2 registries are served by their mirrors/);
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

/** Pulls, and holds mirrors and proxy to it: what is shown is what was checked. */
async function pullAndShow({ screen, containerd, origin }: Stage, serving: Mirror, idle?: Mirror) {
  origin.newContacts();
  await Promise.all([serving.newAccesses(), idle?.newAccesses()]);
  const { value: pull, ms } = await timed(() => containerd.pull(IMAGE));
  if (!pull.ok) throw new Error(`the pull failed: ${pull.code} ${pull.message}`);
  screen.took(`CRI PullImage ${IMAGE}: OK`, ms);
  const [asked, others] = [pulled(await serving.newAccesses()), pulled((await idle?.newAccesses()) ?? [])];
  const contacts = origin.newContacts();
  screen.say(`${serving.name}, docker-registry's own access log, below ${imagePath}`);
  screen.quote(asked.join("\n"));
  if (!asked.some((line) => line.includes("blobs/")) || others.length > 0 || contacts.length > 0)
    throw new Error(`not served by ${serving.name} alone: ${[...others, ...contacts].join("; ")}`);
  screen.proof(
    `served by ${serving.name} alone: ${asked.length} requests there, none ${idle ? `at ${idle.name}, none ` : ""}to gcr.io or anybody else`,
  );
}

/** Without the agent's own questions. */
function pulled(accesses: readonly string[]): readonly string[] {
  return accesses.filter((line) => line.includes(" containerd/"));
}

/** Without the build's own addition, such as `+unknown`. */
function plainVersion({ version }: LabContainerd): string {
  return version.text.replace(/\+.*/, "");
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
environment_file = "${containerd.environmentFile}"
[evidence]
probe_interval = "2s"
witness_address = "127.0.0.1:${await findFreePort()}"
[http]
address = "127.0.0.1:${await findFreePort()}"
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
