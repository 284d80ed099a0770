import type { Command } from "commander";
import type { FleetCommands } from "./fleet-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";
import { withServerOptions } from "./fleet-server-options.ts";

/** `fleet serve` */
export function addServeCommand(fleet: Command, commands: () => FleetCommands, parts: ProgramParts): void {
  const { done, add, example, optionsOf } = parts;
  const serve = add(
    fleet,
    "serve",
    "run a feed server: nodes connect to it over mTLS and are told what to run",
  );
  withServerOptions(serve, "the fleet that is served", parts)
    .option("--no-controller", "leave it to other processes to take rollouts on and halt them")
    .addHelpText("after", example("fleet serve --fleet prod --engine etcd://etcd-1:2379,etcd-2:2379"))
    .action(async (_, command: Command) => done(await commands().serve(optionsOf(command))));
}
