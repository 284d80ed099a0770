import type { Command } from "commander";
import type { BundleCommands } from "./bundle-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";

/** The commands below `bundle`. */
export function addBundleCommands(
  program: Command,
  commands: () => BundleCommands,
  { done, add, example, collect, optionsOf }: ProgramParts,
): void {
  const bundle = add(program, "bundle", "look at bundles of images, and at what became of them").helpCommand(
    false,
  );
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
  add(bundle, "check", "ask the mirrors of a desired state whether every image of a list is there")
    .requiredOption("--desired <file>", "desired state: a file, or a directory; may be repeated", collect)
    .requiredOption("--images <file>", "a file with one image a line; - reads standard input")
    .option(
      "--platform <os/arch>",
      "only this platform of each list; may be repeated (default: all)",
      collect,
    )
    .option("--containerd-version <version>", "instead of the installed one, such as 1.7.24")
    .option("--config <file>", "the agent's configuration (default: /etc/mirrorlet/agent.toml)")
    .addHelpText("after", example("bundle check --desired cluster.yaml --images images.txt"))
    .action(async (_, command: Command) => done(await commands().check(optionsOf(command))));
}
