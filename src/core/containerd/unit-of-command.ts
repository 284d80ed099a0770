/** The unit in `systemctl [options] restart UNIT`, as it is written there; undefined when the command is anything else. */
export function unitOf(command: readonly string[]): string | undefined {
  const [program = "", ...args] = command;
  if (program.slice(program.lastIndexOf("/") + 1) !== "systemctl") return undefined;
  const words = args.filter((arg) => !arg.startsWith("-"));
  const verb = words.findIndex((word) => word === "restart" || word === "try-restart");
  return verb === -1 ? undefined : words[verb + 1];
}
