import { type Command, Option } from "commander";
import type { FleetCommands } from "./fleet-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";

/** `fleet serve` */
export function addServeCommand(fleet: Command, commands: () => FleetCommands, parts: ProgramParts): void {
  const { done, add, example, collect, optionsOf } = parts;
  add(fleet, "serve", "run a feed server: nodes connect to it over mTLS and are told what to run")
    .addOption(
      new Option("--config <file>", "its configuration (default: /etc/mirrorlet/feed.toml)").env(
        "MIRRORLET_FEED_CONFIG",
      ),
    )
    .option("--fleet <name>", "the fleet that is served")
    .option("--engine <address>", "etcd://HOST:PORT,…, or journal:/DIRECTORY on one machine")
    .option("--no-controller", "leave it to other processes to take rollouts on and halt them")
    .option("--set <key=value>", "a setting that wins over feed.toml; may be repeated", collect)
    .addHelpText("after", example("fleet serve --fleet prod --engine etcd://etcd-1:2379,etcd-2:2379"))
    .action(async (_, command: Command) => done(await commands().serve(optionsOf(command))));
}
