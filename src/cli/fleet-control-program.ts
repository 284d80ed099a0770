import { type Command, Option } from "commander";
import type { FleetCommands } from "./fleet-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";

/** `fleet control` */
export function addControlCommand(fleet: Command, commands: () => FleetCommands, parts: ProgramParts): void {
  const { done, add, example, collect, optionsOf } = parts;
  add(fleet, "control", "take rollouts on, halt and end them, without serving nodes")
    .addOption(
      new Option("--config <file>", "its configuration (default: /etc/mirrorlet/feed.toml)").env(
        "MIRRORLET_FEED_CONFIG",
      ),
    )
    .option("--fleet <name>", "the fleet that is led")
    .option("--engine <address>", "etcd://HOST:PORT,…, or journal:/DIRECTORY on one machine")
    .option("--set <key=value>", "a setting that wins over feed.toml; may be repeated", collect)
    .addHelpText("after", example("fleet control --fleet prod --engine etcd://etcd-1:2379,etcd-2:2379"))
    .action(async (_, command: Command) => done(await commands().control(optionsOf(command))));
}
