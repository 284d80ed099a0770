import type { OptionDescription, ProgramDescription } from "./describe-commands.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The completion script of a shell for everything that the program understands. */
export function renderCompletion(shell: Shell, program: ProgramDescription): string {
  switch (shell) {
    case "bash":
      return renderBash(program);
    case "zsh":
      return renderZsh(program);
    case "fish":
      return renderFish(program);
    default:
      return shell satisfies never;
  }
}

/** Needs nothing of the bash-completion package, which many nodes lack. */
function renderBash({ name, options, commands }: ProgramDescription): string {
  const all = [...options, ...commands.flatMap((command) => command.options)];
  const cases = commands.map(
    (command) =>
      `    ${command.name}) options=${quote(flagsOf([...command.options, ...options]))}; words=${quote(command.choices.join(" "))}; files=${command.takesFiles ? "yes" : ""} ;;`,
  );
  return `# bash completion for ${name}
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="" command="" options words files="" i
  COMPREPLY=()
  ((COMP_CWORD > 0)) && previous="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$previous" in
    ${pattern(all, "file")}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    ${pattern(all, "directory")}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
${chosen(all)}    ${pattern(all, "text")}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${VALUED.map((value) => pattern(all, value)).join(" | ")}) ((i++)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  case "$command" in
    "") options=${quote(flagsOf(options))}; words=${quote(commands.map((command) => command.name).join(" "))} ;;
${cases.join("\n")}
    *) return ;;
  esac
  if [[ "$current" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n "$files" ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -o filenames -F _${name} ${name}
`;
}

const VALUED = ["file", "directory", "text", "choice"] as const;

/** A case for each option whose value is one of a few words. */
function chosen(options: readonly OptionDescription[]): string {
  const some = options.filter(({ value }) => value === "choice");
  const lines = some.map(({ flags, choices }) => {
    const words = quote(choices.join(" "));
    return `    ${flags.join(" | ")}) mapfile -t COMPREPLY < <(compgen -W ${words} -- "$current"); return ;;\n`;
  });
  return [...new Set(lines)].join("");
}

function pattern(options: readonly OptionDescription[], value: OptionDescription["value"]): string {
  const flags = options.filter((option) => option.value === value).flatMap((option) => option.flags);
  return [...new Set(flags)].join(" | ");
}

function flagsOf(options: readonly OptionDescription[]): string {
  return [...new Set(options.flatMap((option) => option.flags))].join(" ");
}

function renderZsh({ name, options, commands }: ProgramDescription): string {
  const names = commands.map((command) => `    ${quote(`${command.name}:${zshText(command.description)}`)}`);
  const cases = commands.map((command) => {
    const specs = [...command.options.filter((option) => !isGlobal(option, options)), ...options].flatMap(
      zshOption,
    );
    if (command.takesFiles) specs.push("'*:file:_files'");
    else if (command.choices.length > 0) specs.push(quote(`1:argument:(${command.choices.join(" ")})`));
    return `        ${command.name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `#compdef ${name}
_${name}() {
  local curcontext="$curcontext" state line
  local -a commands=(
${names.join("\n")}
  )
  _arguments -C ${options.flatMap(zshOption).join(" ")} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $line[1] in
${cases.join("\n")}
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function isGlobal(option: OptionDescription, globals: readonly OptionDescription[]): boolean {
  return globals.some((global) => global.flags.some((flag) => option.flags.includes(flag)));
}

function zshOption({ flags, description, value, choices }: OptionDescription): string[] {
  const action = {
    none: "",
    file: ":file:_files",
    directory: ":directory:_files -/",
    text: ":value: ",
    choice: `:value:(${choices.join(" ")})`,
  }[value];
  return flags.map((flag) => quote(`${flag}[${zshText(description).replace(/[[\]]/g, "\\$&")}]${action}`));
}

function zshText(text: string): string {
  return text.replace(/[\\:]/g, "\\$&");
}

function renderFish({ name, options, commands }: ProgramDescription): string {
  const lines = [`# fish completion for ${name}`, `complete -c ${name} -f`];
  for (const option of options) lines.push(`complete -c ${name} ${fishOption(option)}`);
  for (const command of commands) {
    const { description } = command;
    lines.push(`complete -c ${name} -n __fish_use_subcommand -a ${command.name} -d ${quote(description)}`);
    const inside = `complete -c ${name} -n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
    const own = command.options.filter((option) => !isGlobal(option, options));
    for (const option of own) lines.push(`${inside} ${fishOption(option)}`);
    if (command.takesFiles) lines.push(`${inside} -F`);
    if (command.choices.length > 0) lines.push(`${inside} -a ${quote(command.choices.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}

function fishOption({ flags, description, value, choices }: OptionDescription): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const argument = {
    none: "",
    file: " -r -F",
    directory: " -x -a '(__fish_complete_directories)'",
    text: " -x",
    choice: ` -x -a ${quote(choices.join(" "))}`,
  }[value];
  return `${names.join(" ")}${argument} -d ${quote(description)}`;
}

/** One word for bash, zsh and fish alike: fish knows no '\\'' but reads adjacent quoted parts as one word. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
