import type { Command } from "commander";
import type { BundleCommands } from "./bundle-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";

/** The commands below `bundle`. */
export function addBundleCommands(
  program: Command,
  commands: () => BundleCommands,
  { done, add, example, optionsOf }: ProgramParts,
): void {
  const bundle = add(program, "bundle", "look at bundles of images, without a registry").helpCommand(false);
  const sources = "archives, compressed ones too, or folders; - reads standard input";
  add(bundle, "ls", "list the images of bundles")
    .argument("<source...>", sources)
    .addHelpText("after", example("bundle ls bundle.tar.xz"))
    .action(async (given, _, command: Command) => done(await commands().ls(given, optionsOf(command))));
  add(bundle, "verify", "compute every digest of bundles, and find what is missing")
    .argument("<source...>", sources)
    .option("--allow-missing-platforms", "an index without all of its platforms is in order")
    .addHelpText("after", example("bundle verify bundle.tar.xz"))
    .action(async (given, _, command: Command) => done(await commands().verify(given, optionsOf(command))));
}
