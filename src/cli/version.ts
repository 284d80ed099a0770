import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { readVersion } from "./read-version.ts";

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
