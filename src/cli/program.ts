import { resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { addBundleCommands } from "./bundle-program.ts";
import type { CommandIo, ExitCode } from "./command.ts";
import type { ChangeOptions, Commands, RestoreCommandOptions } from "./commands.ts";
import { renderCompletion, shells } from "./completion.ts";
import { describeCommands, type ProgramDescription } from "./describe-commands.ts";
import { addDumpCommand } from "./dump-program.ts";
import { addFleetCommands } from "./fleet-program.ts";
import { addPushCommand } from "./push-program.ts";

/** Where the program's own words go: help and completion on stdout, complaints on stderr. */
export type ProgramOutput = Pick<CommandIo, "stdout" | "stderr">;

/**
 * Understands `argv` (without node and script) and runs the command it names. Usage errors are 64; what a command
 * returns is returned; what it throws is thrown.
 */
export async function runProgram(
  argv: readonly string[],
  commands: Commands,
  output: ProgramOutput,
): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = createProgram(commands, output, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 64;
  }
}

/** Every command with its options, for manual pages and completion: none of them can be run. */
export function describeProgram(): ProgramDescription {
  const silent = { stdout() {}, stderr() {} };
  return describeCommands(createProgram({} as Commands, silent, () => {}));
}

type Done = (code: ExitCode) => void;

function createProgram(commands: Commands, output: ProgramOutput, done: Done): Command {
  const program = new Command("mirrorlet")
    .description("Points containerd at your registry mirror, and proves that pulls go there.")
    .usage("COMMAND [options]")
    .option(
      "--root <dir>",
      "put <dir> before every absolute path that is read or written, but for bundles and what their options name",
      parseRoot,
    )
    .option(
      "--json",
      "print one JSON document instead of text; push tells its events, too, one a line on stderr",
    )
    .helpOption("-h, --help", "show help")
    .helpCommand(false)
    .addHelpText("after", exitCodes)
    .showHelpAfterError("(mirrorlet --help shows what there is)")
    .configureOutput({
      writeOut: output.stdout,
      writeErr: output.stderr,
      outputError: (text, write) => write(text.replace(/^error: /, "mirrorlet: ")),
    })
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  program.commandsGroup("On this node:");
  addNodeCommands(program, commands, done);
  program.commandsGroup("Desired state, anywhere:");
  addStateCommands(program, commands, done);
  const parts = { done, add, example, collect, optionsOf };
  program.commandsGroup("Filling a mirror:");
  addPushCommand(program, () => commands, parts);
  addDumpCommand(program, () => commands, parts);
  addBundleCommands(program, () => commands.bundle, parts);
  program.commandsGroup("Many nodes:");
  // Not looked for before one of them runs: a description of the program has none.
  addFleetCommands(program, () => commands.fleet, parts);
  program.commandsGroup("Other:").helpCommand("help [command]", "show help for a command");
  addOtherCommands(program, commands, output, done);
  return program;
}

const exitCodes = `
Exit codes: 0 fine, 1 problems found or the work failed, 2 could not be determined, 64 usage, 65 bad input,
78 bad agent configuration.`;

function addNodeCommands(program: Command, commands: Commands, done: Done): void {
  withConfig(add(program, "agent", "run the daemon: keep this node as the desired state wants it"))
    .option("--print-config", "show the effective configuration and where each value came from, then exit")
    .addHelpText("after", example("agent --config /etc/mirrorlet/agent.toml --set log.level=debug"))
    .action(async (_, command: Command) => done(await commands.agent(optionsOf(command))));
  withChange(add(program, "plan", "show what apply would do on this node, touching nothing"))
    .argument("<file...>", "desired state: files, or directories of them")
    .addHelpText("after", example("plan /etc/mirrorlet/desired-state.yaml"))
    .action(async (files, _, command: Command) => done(await commands.plan(files, changeOptions(command))));
  withChange(add(program, "apply", "put a desired state in force on this node once, then exit"))
    .argument("<file...>", "desired state: files, or directories of them")
    .addHelpText("after", example("apply --no-restart cluster.yaml"))
    .action(async (files, _, command: Command) => done(await commands.apply(files, changeOptions(command))));
  withConfig(add(program, "status", "show where the pulls of this node go, and what is wrong"))
    .option("--npd", "print one line for node-problem-detector; exit 0 fine, 1 a problem, 2 not known")
    .addHelpText("after", example("status"))
    .action(async (_, command: Command) => done(await commands.status(optionsOf(command))));
  withConfig(
    add(program, "explain", "show how containerd resolves an image, host by host, and who would serve it"),
  )
    .argument("<image>", "image reference as it stands in a pod")
    .option("--no-probe", "ask no host, read files only")
    .addOption(containerdVersion())
    .addHelpText("after", example("explain gcr.io/google-containers/pause:3.9"))
    .action(async (image, _, command: Command) => done(await commands.explain(image, optionsOf(command))));
  withConfig(add(program, "doctor", "find every way in which a mirror is not used, and say how to mend it"))
    .option("--no-probe", "ask no host and no daemon, read files only")
    .addOption(containerdVersion())
    .option("--only <code>", "tell only findings with this code; may be repeated", collect)
    .option("--skip <code>", "do not tell findings with this code; may be repeated", collect)
    .addOption(
      new Option(
        "--fail-on <severity>",
        "the mildest finding that makes the exit code 1 (default: error)",
      ).choices(["error", "warning", "info"]),
    )
    .option(
      "--error <text>",
      "say what an error of a pull means, and which host failed; - reads standard input",
    )
    .addHelpText("after", example("doctor --no-probe --root /mnt/node --containerd-version 2.1.9"))
    .action(async (_, command: Command) => done(await commands.doctor(doctorOptions(command))));
  withConfig(add(program, "restore", "put the node back as it was before mirrorlet ever wrote"))
    .option("--no-restart", "never restart containerd, which then has to be restarted by hand")
    .addHelpText("after", example("restore"))
    .action(async (_, command: Command) =>
      done(await commands.restore(restartOptions<RestoreCommandOptions>(command))),
    );
}

function addStateCommands(program: Command, commands: Commands, done: Done): void {
  withConfig(add(program, "validate", "check desired state; every problem at once as file:line:col"))
    .argument("<file...>", "desired state: files, or directories of them")
    .addOption(containerdVersion())
    .option("--pull-secret <file>", "docker config.json for forms that carry no credentials")
    .option("--secrets-dir <dir>", "where Secrets named by a Cluster are found")
    .addHelpText("after", example("validate cluster.yaml secrets.yaml"))
    .action(async (files, _, command: Command) => done(await commands.validate(files, optionsOf(command))));
  withConfig(add(program, "render", "write the exact tree that would be on a node"))
    .argument("<file...>", "desired state: files, or directories of them")
    .requiredOption("--out <dir>", "directory that gets etc/containerd/…")
    .addOption(containerdVersion())
    .option("--containerd-config <file>", "config.toml to edit; a minimal one when left out")
    .addHelpText("after", example("render --out tree --containerd-version 1.7.24 cluster.yaml"))
    .action(async (files, _, command: Command) => done(await commands.render(files, optionsOf(command))));
}

function addOtherCommands(program: Command, commands: Commands, output: ProgramOutput, done: Done): void {
  add(program, "completion", "print the completion script of a shell")
    .addArgument(program.createArgument("<shell>", "which shell").choices(shells))
    .addHelpText("after", example("completion bash > /usr/share/bash-completion/completions/mirrorlet"))
    .action((shell) => output.stdout(renderCompletion(shell, describeCommands(program))));
  add(program, "version", "show the version")
    .addHelpText("after", example("version --json"))
    .action(async (_, command: Command) => done(await commands.version(optionsOf(command))));
}

function add(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .showHelpAfterError(`(${pathOf(program, name)} --help shows how it is used)`);
}

/** `mirrorlet fleet sign` */
function pathOf(above: Command, name: string): string {
  return above.parent === null ? `${above.name()} ${name}` : pathOf(above.parent, `${above.name()} ${name}`);
}

function withConfig(command: Command): Command {
  return command
    .addOption(
      new Option("--config <file>", "the agent's configuration (default: /etc/mirrorlet/agent.toml)").env(
        "MIRRORLET_CONFIG",
      ),
    )
    .option("--set <key=value>", "a setting that wins over agent.toml; may be repeated", collect);
}

function withChange(command: Command): Command {
  return withConfig(command)
    .option("--no-restart", "never restart containerd; what needs it stays pending")
    .option("--adopt", "take over hosts.toml files that others wrote; the originals are kept");
}

function collect(value: string, all: readonly string[] = []): readonly string[] {
  return [...all, value];
}

function doctorOptions(command: Command) {
  const defaults = { only: [], skip: [], failOn: "error" } as const;
  return { ...defaults, ...optionsOf<Parameters<Commands["doctor"]>[0]>(command) };
}

function changeOptions(command: Command) {
  return restartOptions<ChangeOptions>(command);
}

function restartOptions<T extends RestoreCommandOptions>(command: Command) {
  const { restart, ...options } = optionsOf<T & { readonly restart: boolean }>(command);
  return { ...options, noRestart: !restart };
}

/** Defaults stand here, not at the options, where the help would show `default: false` next to each of them. */
function optionsOf<T extends object>(command: Command): T {
  const defaults = { root: "", json: false, set: [], printConfig: false, adopt: false, npd: false };
  return Object.assign(defaults, command.optsWithGlobals<T>());
}

function containerdVersion(): Option {
  return new Option("--containerd-version <version>", "instead of the installed one, such as 1.7.24");
}

function example(line: string): string {
  return `\nExample:\n  mirrorlet ${line}`;
}

function parseRoot(dir: string): string {
  if (dir === "") throw new InvalidArgumentError("It needs a directory.");
  const root = resolve(dir);
  return root === "/" ? "" : root;
}
