import { type Command, Option } from "commander";
import type { DumpCommands } from "./dump-commands.ts";
import type { ProgramParts } from "./fleet-program.ts";
import { addRegistryOptions } from "./push-program.ts";

/** `dump`, the counterpart of `push`. */
export function addDumpCommand(
  program: Command,
  commands: () => DumpCommands,
  { done, add, example, collect, optionsOf }: ProgramParts,
): void {
  const dump = add(
    program,
    "dump",
    "get images out of registries into one bundle, which push can bring elsewhere",
  )
    .argument("[image...]", "images, as they stand in pods")
    .option("--list <file>", "a file with one image a line; - reads standard input")
    .option("-o, --output <file>", "the bundle, whose name says how it is compressed; - is standard output")
    .option(
      "--from <host:port/namespace>",
      "take all of them from this registry, as nodes would from a mirror",
    )
    .option(
      "--platform <os/arch>",
      "only this platform of each list; may be repeated (default: all)",
      collect,
    )
    .option("--no-referrers", "leave out what says something about the images: signatures, SBOMs")
    .addOption(
      new Option("--compression <how>", "instead of what the bundle's name says (default: zstd)").choices([
        "none",
        "zstd",
        "gzip",
        "xz",
      ]),
    )
    .option("--since <file>", "leave out what this older bundle has")
    .option("--split-size <size>", "write BUNDLE.000, BUNDLE.001, … of this size, such as 4G");
  addRegistryOptions(dump, collect)
    .option("--threads <n>", "downloads at once; fewer where the registry chokes", "4")
    .option("--dry-run", "show what would be fetched, and write nothing")
    .addHelpText("after", example("dump --list images.txt -o bundle.tar.zst"))
    .action(async (images, _, command: Command) => done(await commands().dump(images, optionsOf(command))));
}
