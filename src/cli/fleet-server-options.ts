import { type Command, Option } from "commander";
import type { ProgramParts } from "./fleet-program.ts";

/** How a server of a fleet is configured. `whose`: for `--fleet`. */
export function withServerOptions(
  command: Command,
  whose: string,
  { collect }: Pick<ProgramParts, "collect">,
): Command {
  return command
    .addOption(
      new Option("--config <file>", "its configuration (default: /etc/mirrorlet/feed.toml)").env(
        "MIRRORLET_FEED_CONFIG",
      ),
    )
    .option("--fleet <name>", whose)
    .option("--engine <address>", "etcd://HOST:PORT,…, or journal:/DIRECTORY on one machine")
    .option("--set <key=value>", "a setting that wins over feed.toml; may be repeated", collect);
}
