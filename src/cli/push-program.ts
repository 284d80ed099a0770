import { type Command, Option } from "commander";
import type { ProgramParts } from "./fleet-program.ts";
import type { PushCommands } from "./push-commands.ts";

/** `push`, with the options that users of bmctl and actl know beside its own. */
export function addPushCommand(
  program: Command,
  commands: () => PushCommands,
  { done, add, example, collect, optionsOf }: ProgramParts,
): void {
  const push = add(
    program,
    "push",
    "push the images of bundles to a registry: digests stay, what is there is not sent",
  )
    .argument(
      "[source...]",
      "bundles: archives, compressed ones too, unpacked folders, OCI layouts; - is standard input",
    )
    .option("--to <host:port/namespace>", "the registry, and the namespace there if there is one")
    .addOption(new Option("--private-registry <host:port/namespace>", "the same as --to"))
    .addOption(new Option("--source <file>", "a bundle; may be repeated").argParser(collect))
    .addOption(new Option("--images <dir>", "a folder with a bundle"))
    .option(
      "--name <image>",
      "name of the image that its bundle does not name, such as gcr.io/a/b:1.0; without a tag, of all that have one there",
    );
  addRegistryOptions(push, collect)
    .option("--threads <n>", "uploads at once; fewer where the registry chokes", "4")
    .option("--chunk-size <size>", "send blobs in pieces of <size>, such as 16MiB (default: whole)")
    .option("--allow-new-digest", "push what cannot keep its digest, too")
    .option("--deep", "look at every part of images that are there already")
    .option("--dry-run", "show what goes where and how much would be sent, and send nothing")
    .addHelpText("after", example("push bundle.tar.xz --to registry.example:5000/library --cacert ca.crt"))
    .action(async (sources, _, command: Command) => done(await commands().push(sources, optionsOf(command))));
}

/** How to log in to a registry, and whom to believe: the same words for all who do so. */
export function addRegistryOptions(command: Command, collect: ProgramParts["collect"]): Command {
  return command
    .option("--username <name>", "log in as <name>; the password is asked for on a terminal")
    .option("--password-stdin", "read the password from standard input")
    .option("--password <password>", "the password, which other users of this machine can see: better not")
    .option("--need-credential [bool]", "false: never send a login")
    .option("--no-registry-credential", "never send a login")
    .option(
      "--docker-config <file>",
      "a docker config.json, or its folder, instead of those of docker and podman",
    )
    .option("--cacert <file>", "a CA that signed the registry's certificate; may be repeated", collect)
    .option("--cert-dir <dir>", "certificates as in /etc/docker/certs.d/HOST:PORT, instead of those there")
    .option("--insecure", "do not check the registry's certificate")
    .option("--plain-http", "use http: anybody on the way can read and change what is sent");
}
