import type { Argument, Command, Option } from "commander";

/** What a shell has to know of a command. */
export interface CommandDescription {
  readonly name: string;
  readonly description: string;
  /** As usage shows them: `<file...>`, `[id]`; "" for none. */
  readonly arguments: string;
  readonly options: readonly OptionDescription[];
  /** Words the first argument is chosen from; empty when it is free or there is none. */
  readonly choices: readonly string[];
  readonly takesFiles: boolean;
  /** What can follow its name instead of arguments; empty for nearly all. */
  readonly commands: readonly CommandDescription[];
}

export interface OptionDescription {
  /** `--out`, `-h` */
  readonly flags: readonly string[];
  readonly description: string;
  /** What stands for the value: `dir`; "" where there is none. */
  readonly placeholder: string;
  readonly value: "none" | "file" | "directory" | "text" | "choice";
  /** Words the value is chosen from, for a choice. */
  readonly choices: readonly string[];
}

export interface ProgramDescription {
  readonly name: string;
  readonly options: readonly OptionDescription[];
  readonly commands: readonly CommandDescription[];
}

/** The command tree as data, so that completion can never differ from what the program understands. */
export function describeCommands(program: Command): ProgramDescription {
  const helper = program.createHelp();
  const options = (command: Command) => helper.visibleOptions(command).map(describeOption);
  const describe = (command: Command): CommandDescription => {
    const [first] = command.registeredArguments;
    return {
      name: command.name(),
      description: command.description(),
      arguments: command.registeredArguments.map(nameArgument).join(" "),
      options: options(command),
      choices:
        command.name() === "help" ? program.commands.map((one) => one.name()) : (first?.argChoices ?? []),
      takesFiles: first?.name() === "file" || first?.name() === "source",
      commands: helper.visibleCommands(command).map(describe),
    };
  };
  return {
    name: program.name(),
    options: options(program),
    commands: helper.visibleCommands(program).map(describe),
  };
}

function nameArgument(one: Argument): string {
  const name = `${one.name()}${one.variadic ? "..." : ""}`;
  return one.required ? `<${name}>` : `[${name}]`;
}

function describeOption(option: Option): OptionDescription {
  const flags = [option.long, option.short].filter((flag) => flag !== undefined && flag !== null);
  return {
    flags,
    description: option.description,
    placeholder: /<(.*)>/.exec(option.flags)?.[1] ?? "",
    value: valueKind(option),
    choices: option.argChoices ?? [],
  };
}

function valueKind({ flags, required, argChoices }: Option): OptionDescription["value"] {
  if (!required) return "none";
  if (argChoices !== undefined) return "choice";
  if (flags.endsWith("<file>")) return "file";
  return flags.endsWith("<dir>") ? "directory" : "text";
}
