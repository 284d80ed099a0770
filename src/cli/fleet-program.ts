import type { Command } from "commander";
import type { ExitCode } from "./command.ts";
import type { FleetCommands } from "./fleet-commands.ts";
import { addControlCommand } from "./fleet-control-program.ts";
import { addServeCommand } from "./fleet-serve-program.ts";
import { addFleetStoreCommands } from "./fleet-store-program.ts";

export interface ProgramParts {
  readonly done: (code: ExitCode) => void;
  readonly add: (program: Command, name: string, description: string) => Command;
  readonly example: (line: string) => string;
  readonly collect: (value: string, all?: readonly string[]) => readonly string[];
  readonly optionsOf: <T extends object>(command: Command) => T;
}

/** The commands below `fleet`. */
export function addFleetCommands(program: Command, commands: () => FleetCommands, parts: ProgramParts): void {
  const { done, add, example, collect, optionsOf } = parts;
  const fleet = add(program, "fleet", "sign desired state for many nodes, and bring it to them").helpCommand(
    false,
  );
  add(fleet, "keygen", "make a key pair that signs desired state")
    .option(
      "--out <file>",
      "where the private key goes, and with .pub the public one",
      "mirrorlet-signing.key",
    )
    .addHelpText("after", example("fleet keygen --out anna.key"))
    .action(async (_, command: Command) => done(await commands().keygen(optionsOf(command))));
  add(fleet, "sign", "sign a desired state, or add a signature to one that is signed")
    .argument("<file...>", "desired state: files, or directories of them; or one signed document")
    .requiredOption("--key <file>", "the private key, which nobody else may be able to read")
    .option("--serial <n>", "orders the states of a fleet's channel; each new one is higher")
    .option(
      "--floor-serial <n>",
      "once this is in force, nodes refuse serials below <n> for ever (default: 1)",
    )
    .option("--fleet <name>", "the fleet it is for: nodes of others refuse it")
    .option("--channel <name>", "the channel of that fleet (default: stable)")
    .option("--nodes <ids>", "only for these nodes, separated by commas")
    .option("--label <key=value>", "only for nodes with this label; may be repeated", collect)
    .option("--audience <json>", 'the same as JSON: {"nodes":["n1"],"labels":{"class":["gpu","cpu"]}}')
    .option("--not-before <time>", "refused before: 2026-01-31T08:00:00Z, or a while from now such as 2h")
    .option("--expires <time>", "put in force until then, and no later (default: 90d)")
    .option("-o, --out <file>", "the signed document (default: standard output)")
    .option("--containerd-version <version>", "check for this containerd, such as 1.7.24")
    .option("--pull-secret <file>", "docker config.json for forms that carry no credentials")
    .option("--secrets-dir <dir>", "where Secrets named by a Cluster are found")
    .addHelpText(
      "after",
      example("fleet sign state.yaml --key anna.key --serial 12 --fleet prod -o state.signed.json"),
    )
    .action(async (files, _, command: Command) => done(await commands().sign(files, optionsOf(command))));
  add(fleet, "verify", "show what a signed document says, and who has signed it")
    .argument("<file>", "the signed document")
    .option("--trust <key>", "a file of public keys, or ed25519:…; may be repeated", collect)
    .option("--threshold <n>", "so many of these keys have to have signed", "1")
    .option("--show", "print the desired state that is signed")
    .addHelpText("after", example("fleet verify state.signed.json --trust anna.key.pub"))
    .action(async (file, _, command: Command) => done(await commands().verify(file, optionsOf(command))));
  addServeCommand(fleet, commands, parts);
  addControlCommand(fleet, commands, parts);
  addFleetStoreCommands(fleet, () => commands().store, parts);
}
