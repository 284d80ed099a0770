import { statSync } from "node:fs";
import { type DumpResult, HostError } from "../agent/ports.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../core/containerd/version.ts";
import { createHostRoot, type HostRoot } from "./files-root.ts";
import { findProgram, type Ran, runCommand, SEARCH_PATH } from "./run-command.ts";

/** What the installed binary can be asked without touching the running daemon. */
export interface ContainerdBinary {
  version(): Promise<ContainerdVersion | undefined>;
  dumpConfig(path: string): Promise<DumpResult>;
}

const VERSION_TIMEOUT_MS = 10_000;
const DUMP_TIMEOUT_MS = 30_000;

export function createContainerdBinary(binary: string, rootPath: string): ContainerdBinary {
  const root = createHostRoot(rootPath);
  const locate = (): string | undefined => locateIn(binary, root);
  let known: { readonly identity: string; readonly version: ContainerdVersion } | undefined;
  return {
    async version() {
      const program = locate();
      if (program === undefined) return undefined;
      const identity = identityOf(program);
      if (known?.identity === identity) return known.version;
      const ran = await runCommand(program, ["--version"], VERSION_TIMEOUT_MS);
      const version = ran.status === 0 ? parseContainerdVersion(ran.stdout) : undefined;
      known = version === undefined ? undefined : { identity, version };
      return version;
    },
    async dumpConfig(path) {
      const program = locate();
      if (program === undefined) return refused(`${binary} is not installed, so ${path} cannot be checked`);
      const hostPath = root.toHost(path);
      // containerd 2.1 dumps its defaults, with success, for a file that is not there.
      if (statSync(hostPath, { throwIfNoEntry: false }) === undefined)
        return refused(`${path} does not exist`);
      // The flag belongs before the sub-command: after it, 1.x reads its default file instead.
      const ran = await runCommand(program, ["--config", hostPath, "config", "dump"], DUMP_TIMEOUT_MS);
      if (ran.status === undefined) throw unanswered(path, ran);
      return toDump(ran);
    },
  };
}

function locateIn(binary: string, root: HostRoot): string | undefined {
  if (binary.includes("/")) return findProgram(root.resolve(binary));
  return findProgram(binary, SEARCH_PATH.split(":").map(root.toHost).join(":"));
}

// A package upgrade replaces the file.
function identityOf(program: string): string {
  const { dev, ino, size, mtimeMs, ctimeMs } = statSync(program);
  return [program, dev, ino, size, mtimeMs, ctimeMs].join(":");
}

// A machine too busy to answer, or a binary that is just being replaced, says nothing about the configuration.
function unanswered(path: string, ran: Ran): HostError {
  const message = `${path} could not be checked: containerd config dump gave no answer (${ran.failure ?? "no reason given"}); nothing was put in place, and the next pass asks again`;
  return new HostError("no-dump", path, message, { retryable: true });
}

function toDump(ran: Ran): DumpResult {
  if (ran.status === 0) return { ok: true, toml: ran.stdout, warnings: warningsOf(ran.stderr) };
  const words = ran.stderr.trim().replace(/^containerd: /gm, "");
  return refused(words || `containerd config dump ended with status ${ran.status}`);
}

function refused(message: string): DumpResult {
  return { ok: false, message };
}

// logrus text: time="…" level=warning msg="…" key=value …
function warningsOf(stderr: string): readonly string[] {
  return stderr
    .split("\n")
    .filter((line) => /\blevel=(warning|error)\b/.test(line))
    .map((line) => line.replace(/^time="[^"]*" level=\w+ /, "").trim());
}
