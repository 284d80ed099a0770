import type { Command } from "commander";
import type { FleetCommands } from "./fleet-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";
import { withServerOptions } from "./fleet-server-options.ts";

/** `fleet control` */
export function addControlCommand(fleet: Command, commands: () => FleetCommands, parts: ProgramParts): void {
  const { done, add, example, optionsOf } = parts;
  const control = add(fleet, "control", "take rollouts on, halt and end them, without serving nodes");
  withServerOptions(control, "the fleet that is led", parts)
    .addHelpText("after", example("fleet control --fleet prod --engine etcd://etcd-1:2379,etcd-2:2379"))
    .action(async (_, command: Command) => done(await commands().control(optionsOf(command))));
}
