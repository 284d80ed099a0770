import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type {
  CommandDescription,
  OptionDescription,
  ProgramDescription,
} from "../../../src/cli/describe-commands.ts";
import { describeProgram } from "../../../src/cli/program.ts";
import { environmentName, type SettingKey } from "../../../src/core/agent-config/settings.ts";
import { defaultSettings } from "./render-default-config.ts";
import { SETTING_TEXTS } from "./setting-texts.ts";

const FOLDER = "packaging/man";

/**
 * The manual pages in mdoc(7), by file name. packaging/man/ has what is written by hand; a line `@WORD@` in it is where
 * goes what the program itself knows: names, synopses, options, keys with their defaults.
 */
export function renderManPages({ epoch }: { readonly epoch: number }): ReadonlyMap<string, string> {
  const program = describeProgram();
  const pages = readdirSync(FOLDER)
    .sort()
    .map((file) => {
      const text = readFileSync(join(FOLDER, file), "utf8");
      return [file, `${header(file, epoch)}${fill(text, file, program)}`] as const;
    });
  return new Map(pages);
}

function header(file: string, epoch: number): string {
  const [, title = "", section = ""] = /^(.*)\.(\d)$/.exec(file) ?? [];
  const date = new Date(epoch * 1000);
  const month = date.toLocaleString("en-US", { month: "long", timeZone: "UTC" });
  return `.Dd ${month} ${date.getUTCDate()}, ${date.getUTCFullYear()}\n.Dt ${title.toUpperCase()} ${section}\n.Os mirrorlet\n`;
}

function fill(text: string, file: string, program: ProgramDescription): string {
  const command = program.commands.find(({ name }) => file === `mirrorlet-${name}.8`);
  return text.replace(/^@(.*)@\n/gm, (_, word: string) => {
    switch (word) {
      case "NAME":
        return nameSection(file, command);
      case "SYNOPSIS":
        return command === undefined ? "" : `.Sh SYNOPSIS\n${synopsis(program, command)}`;
      case "OPTIONS":
        return options(command === undefined ? program.options : optionsOf(command, program));
      case "COMMANDS":
        return program.commands.map((one) => describeCommand(one)).join("");
      case "SUBSYNOPSES":
        return listBelow(command)
          .map((one) => synopsis(program, one))
          .join("");
      case "SUBCOMMANDS":
        return listBelow(command)
          .map((one) => subSection(program, one))
          .join("");
      case "KEYS":
        return keys();
      default:
        throw new Error(`${file}: what is @${word}@?`);
    }
  });
}

function nameSection(file: string, command: CommandDescription | undefined): string {
  if (command === undefined) throw new Error(`${file} is about no command`);
  return `.Sh NAME\n.Nm mirrorlet-${command.name}\n.Nd ${escaped(command.description)}\n`;
}

function synopsis({ name }: ProgramDescription, command: CommandDescription): string {
  const own = command.options.map((option) => `.Op ${flagLine(option, " | ")}\n`);
  const words = command.arguments
    .split(" ")
    .filter((word) => word !== "")
    .map(
      (word) =>
        `${word.startsWith("[") ? ".Op " : "."}Ar ${escaped(word.replace(/[<>[\]]/g, "").replace("...", " ..."))}\n`,
    )
    .join("");
  return `.Nm ${name} ${command.name}\n${own.join("")}${words}`;
}

/** All that can be run below a command, each with its whole name: `fleet rollout start`. */
function listBelow(command: CommandDescription | undefined): readonly CommandDescription[] {
  return (command?.commands ?? []).flatMap((one) => {
    const named = { ...one, name: `${command?.name} ${one.name}` };
    return one.commands.length === 0 ? [named] : listBelow(named);
  });
}

function subSection(program: ProgramDescription, command: CommandDescription): string {
  const head = `.Sh ${command.name.toUpperCase()}\n`;
  return `${head}${sentence(command.description)}${options(optionsOf(command, program))}`;
}

/** Those of the program can stand behind every command. */
function optionsOf(
  command: CommandDescription,
  { options: all }: ProgramDescription,
): readonly OptionDescription[] {
  return [
    ...command.options,
    ...all.filter(({ flags }) => !command.options.some((own) => own.flags[0] === flags[0])),
  ];
}

function options(list: readonly OptionDescription[]): string {
  const items = list.map(
    (option) => `.It ${flagLine(option, " , ")}\n${sentence(option.description)}${choices(option)}`,
  );
  return `.Bl -tag -width Ds\n${items.join("")}.El\n`;
}

function flagLine({ flags, placeholder }: OptionDescription, between: string): string {
  const names = flags.map((flag) => `Fl ${escaped(flag.replace(/^-/, ""))}`);
  return `${names.join(between)}${placeholder === "" ? "" : ` Ar ${escaped(placeholder)}`}`;
}

function choices({ choices: words }: OptionDescription): string {
  return words.length === 0 ? "" : `One of ${escaped(words.join(", "))}.\n`;
}

function describeCommand({ name, arguments: words, description }: CommandDescription): string {
  const shown = words === "" ? "" : ` Ar ${escaped(words.replace(/[<>[\]]/g, "").replace("...", " ..."))}`;
  return `.It Ic ${name}${shown}\n${sentence(description)}`;
}

function keys(): string {
  const items = defaultSettings().map(
    ({ key, toml }) =>
      `.It Ic ${escaped(key)}\n${sentence(SETTING_TEXTS[key])}Default:\n.Li ${escaped(quoted(toml))} ;\nin the environment\n.Ev ${environmentName(key satisfies SettingKey)} .\n`,
  );
  return `.Bl -tag -width Ds\n${items.join("")}.El\n`;
}

/** One argument of a macro. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Text lines, each sentence on its own as mdoc wants it. */
function sentence(text: string): string {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  const lines = escaped(/[.!?]$/.test(whole) ? whole : `${whole}.`).replace(/([.;]) (?=[A-Z"])/g, "$1\n");
  return `${lines}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replace(/^([.'])/gm, "\\&$1");
}
