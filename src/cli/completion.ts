import type { CommandDescription, OptionDescription, ProgramDescription } from "./describe-commands.ts";

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
  const known = flatten(commands);
  const placed: readonly PlacedOption[] = [
    ...options.map((option) => ({ path: "", option })),
    ...known.flatMap(({ path, command }) => command.options.map((option) => ({ path, option }))),
  ];
  const cases = known.map(
    ({ path, command }) =>
      `    ${quote(path)}) options=${quote(flagsOf([...command.options, ...options]))}; words=${quote(wordsAfter(command).join(" "))}; files=${command.takesFiles ? "yes" : ""} ;;`,
  );
  const groups = known.filter(({ command }) => command.commands.length > 0).map(({ path }) => quote(path));
  const valued = placed.map(({ option }) => option).filter(({ value }) => value !== "none");
  return `# bash completion for ${name}
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="" command="" options words files="" i
  COMPREPLY=()
  ((COMP_CWORD > 0)) && previous="\${COMP_WORDS[COMP_CWORD-1]}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${[...new Set(valued.flatMap(({ flags }) => flags))].join(" | ")}) ((i++)) ;;
      -*) ;;
      *)
        command="\${command:+$command }\${COMP_WORDS[i]}"
        case "$command" in
          ${groups.join(" | ")}) ;;
          *) break ;;
        esac ;;
    esac
  done
  case "$command:$previous" in
    ${pattern(placed, "file")}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    ${pattern(placed, "directory")}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
${chosen(placed)}    ${pattern(placed, "text")}) return ;;
  esac
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

interface PlacedOption {
  /** The command's; "" for those of the program. */
  readonly path: string;
  readonly option: OptionDescription;
}

interface PlacedCommand {
  /** `fleet sign` */
  readonly path: string;
  readonly command: CommandDescription;
}

function flatten(commands: readonly CommandDescription[], above = ""): readonly PlacedCommand[] {
  return commands.flatMap((command) => {
    const path = `${above}${command.name}`;
    return [{ path, command }, ...flatten(command.commands, `${path} `)];
  });
}

/** What the next word is chosen from. */
function wordsAfter({ commands, choices }: CommandDescription): readonly string[] {
  return commands.length > 0 ? commands.map(({ name }) => name) : choices;
}

/** A case for each option whose value is one of a few words. */
function chosen(placed: readonly PlacedOption[]): string {
  const some = placed.filter(({ option }) => option.value === "choice");
  const lines = some.map(({ option: { flags, choices } }) => {
    const words = quote(choices.join(" "));
    const names = flags.map((flag) => `*:${flag}`).join(" | ");
    return `    ${names}) mapfile -t COMPREPLY < <(compgen -W ${words} -- "$current"); return ;;\n`;
  });
  return [...new Set(lines)].join("");
}

/** Options that take such a value; by their command where another command means something else by the same name. */
function pattern(placed: readonly PlacedOption[], value: OptionDescription["value"]): string {
  const isPlain = (flag: string): boolean =>
    placed.every(({ option }) => !option.flags.includes(flag) || option.value === value);
  const names = placed
    .filter(({ option }) => option.value === value)
    .flatMap(({ path, option }) =>
      option.flags.map((flag) => (isPlain(flag) ? `*:${flag}` : quote(`${path}:${flag}`))),
    );
  return [...new Set(names)].join(" | ");
}

function flagsOf(options: readonly OptionDescription[]): string {
  return [...new Set(options.flatMap((option) => option.flags))].join(" ");
}

function renderZsh({ name, options, commands }: ProgramDescription): string {
  const groups = flatten(commands).filter(({ command }) => command.commands.length > 0);
  const inner = groups.map(({ path, command }) =>
    zshFunction(`_${name}_${path.replaceAll(" ", "_")}`, command.commands, options),
  );
  return `#compdef ${name}
${inner.join("")}${zshFunction(`_${name}`, commands, options)}if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

/** Completes one of `commands`, then what that takes. */
function zshFunction(
  name: string,
  commands: readonly CommandDescription[],
  options: readonly OptionDescription[],
): string {
  const names = commands.map((command) => `    ${quote(`${command.name}:${zshText(command.description)}`)}`);
  const cases = commands.map((command) => {
    if (command.commands.length > 0) return `        ${command.name}) ${name}_${command.name} ;;`;
    const specs = [...command.options.filter((option) => !isGlobal(option, options)), ...options].flatMap(
      zshOption,
    );
    if (command.takesFiles) specs.push("'*:file:_files'");
    else if (command.choices.length > 0) specs.push(quote(`1:argument:(${command.choices.join(" ")})`));
    return `        ${command.name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `${name}() {
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
  for (const { path, command } of flatten(commands)) {
    const above = path.split(" ").slice(0, -1);
    const siblings = flatten(commands).filter((one) => one.path.startsWith(`${above.join(" ")} `));
    const isHere = above.map((word) => `__fish_seen_subcommand_from ${word}`);
    const isOpen = `not __fish_seen_subcommand_from ${siblings.map((one) => one.command.name).join(" ")}`;
    const when = above.length === 0 ? "__fish_use_subcommand" : [...isHere, isOpen].join("; and ");
    lines.push(`complete -c ${name} -n ${quote(when)} -a ${command.name} -d ${quote(command.description)}`);
    const isThis = [
      ...isHere,
      `__fish_seen_subcommand_from ${command.name}`,
      ...isNotDeeper(path, commands),
    ].join("; and ");
    const inside = `complete -c ${name} -n ${quote(isThis)}`;
    const own = command.options.filter((option) => !isGlobal(option, options));
    for (const option of own) lines.push(`${inside} ${fishOption(option)}`);
    if (command.takesFiles) lines.push(`${inside} -F`);
    if (command.choices.length > 0) lines.push(`${inside} -a ${quote(command.choices.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** fish asks for words anywhere in the line: `status` is also the last one of `fleet status`. */
function isNotDeeper(path: string, commands: readonly CommandDescription[]): readonly string[] {
  const words = path.split(" ");
  const above = words.slice(0, -1);
  const groups = flatten(commands)
    .map((one) => one.path.split(" "))
    .filter((other) => other.length > words.length && other.at(-1) === words.at(-1))
    .filter((other) => above.every((word, index) => word === other[index]))
    .map((other) => other[above.length] ?? "");
  return [...new Set(groups)].map((word) => `not __fish_seen_subcommand_from ${word}`);
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
