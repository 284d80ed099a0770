import { readFileSync } from "node:fs";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";

/** `version`: what is installed, for people and inventories. */
export function version(io: CommandIo): ExitCode {
  const { version, node, platform } = {
    version: readVersion(),
    node: process.version,
    platform: process.platform,
  };
  if (io.json) printJson(io, "version", { version, node, platform, arch: process.arch });
  else io.stdout(`mirrorlet ${version} (node ${node}, ${platform} ${process.arch})\n`);
  return 0;
}

/** The version in package.json, the only place that has it. */
export function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
