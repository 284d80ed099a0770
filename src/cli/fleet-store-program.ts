import { type Command, Option } from "commander";
import type { RolloutVerb } from "../core/fleet/command-rollout.ts";
import type { ProgramParts } from "./fleet-program.ts";
import type { FleetStoreCommands } from "./fleet-store-commands.ts";

/** The commands below `fleet` that look at the engine of a fleet, and write there. */
export function addFleetStoreCommands(
  fleet: Command,
  commands: () => FleetStoreCommands,
  parts: ProgramParts,
): void {
  const { done, add, example, collect, optionsOf } = parts;
  withEngine(add(fleet, "publish", "put a signed desired state where rollouts can bring it from"), parts)
    .argument("<file>", "the signed document")
    .option("--trust <key>", "a file of public keys that nodes trust, or ed25519:…; may be repeated", collect)
    .option("--threshold <n>", "so many of these keys have to have signed", "1")
    .addHelpText("after", example("fleet publish state.signed.json --trust anna.key.pub"))
    .action(async (file, _, command: Command) => done(await commands().publish(file, optionsOf(command))));
  addRolloutCommands(fleet, commands, parts);
  withEngine(add(fleet, "status", "show how the fleet stands: sums, rollouts, and which nodes differ"), parts)
    .argument("[node...]", "only these nodes: what each runs, was told and said, and why")
    .option("--watch", "show it again whenever it changes")
    .addHelpText("after", example("fleet status --watch"))
    .action(async (nodes, _, command: Command) => done(await commands().status(nodes, optionsOf(command))));
  addChannelCommands(fleet, commands, parts);
  addOverrideCommands(fleet, commands, parts);
  addInventoryCommands(fleet, commands, parts);
}

function addRolloutCommands(fleet: Command, commands: () => FleetStoreCommands, parts: ProgramParts): void {
  const { done, add, example, collect, optionsOf } = parts;
  const rollout = add(fleet, "rollout", "bring a published state to nodes, wave by wave").helpCommand(false);
  withEngine(add(rollout, "start", "count a rollout out on the nodes there are, and begin it"), parts)
    .argument("[file]", "how: waves, limits, times, scope (kind: Rollout); as usual when left out")
    .option("--to <state>", "a published state, by serial or digest (default: the highest serial)")
    .option("--channel <name>", "whose nodes (default: that of the file, or the only one)")
    .option("--id <id>", "its name (default: channel and serial)")
    .option("--supersedes <id>", "a halted rollout that ends with this one; may be repeated", collect)
    .addOption(by())
    .option("--dry-run", "show what it would do, wave by wave, and write nothing")
    .option("--watch", "follow it, as rollout status --watch")
    .addHelpText("after", example("fleet rollout start rollout.yaml --to 12 --watch"))
    .action(async (file, _, command: Command) =>
      done(await commands().rolloutStart(file, optionsOf(command))),
    );
  withEngine(
    add(rollout, "status", "show where a rollout is, what it waits for, or why it has halted"),
    parts,
  )
    .argument("[id]", "which; those that go on when left out, else the newest")
    .option("--watch", "follow it until it is done or halted")
    .addHelpText("after", example("fleet rollout status stable-12 --watch"))
    .action(async (id, _, command: Command) => done(await commands().rolloutStatus(id, optionsOf(command))));
  for (const [verb, description] of Object.entries(VERB_TEXTS) as [RolloutVerb, string][])
    withEngine(add(rollout, verb, description), parts)
      .argument("[id]", "which; the only one that goes on when left out")
      .addOption(reason())
      .addOption(by())
      .addHelpText("after", example(`fleet rollout ${verb} stable-12 --reason "…"`))
      .action(async (id, _, command: Command) =>
        done(await commands().rolloutCommand(verb, id, optionsOf(command))),
      );
}

const VERB_TEXTS: Readonly<Record<RolloutVerb, string>> = {
  pause: "tell nobody else for now; who has been told goes on",
  resume: "end a pause or a halt; nodes that refused are not asked again",
  retry: "as resume, and nodes that refused are asked again",
  halt: "stop it: who has begun finishes, nobody else is told",
  revert: "give nodes back what they had before",
  expedite: "hurry: short bakes, no windows, no wait for evidence; canaries and caps stay",
};

function addChannelCommands(fleet: Command, commands: () => FleetStoreCommands, parts: ProgramParts): void {
  const { done, add, example, collect, optionsOf } = parts;
  const channel = add(fleet, "channel", "say which nodes take from which channel").helpCommand(false);
  withEngine(add(channel, "list", "show the channels, their nodes and stable states"), parts)
    .addHelpText("after", example("fleet channel list"))
    .action(async (_, command: Command) => done(await commands().channelList(optionsOf(command))));
  withEngine(add(channel, "set", "make a channel, or change which nodes take from it"), parts)
    .argument("<name>", "of the channel, as it stands in what is signed for it")
    .option("--nodes <ids>", "these nodes, separated by commas")
    .option("--label <key=value>", "nodes with this label in the inventory; may be repeated", collect)
    .option("--dry-run", "show which nodes would take something else at once, and write nothing")
    .addHelpText("after", example("fleet channel set edge --label class=edge --dry-run"))
    .action(async (name, _, command: Command) => done(await commands().channelSet(name, optionsOf(command))));
  withEngine(add(channel, "remove", "take a channel away that nothing was brought by"), parts)
    .argument("<name>", "of the channel")
    .addHelpText("after", example("fleet channel remove egde"))
    .action(async (name, _, command: Command) =>
      done(await commands().channelRemove(name, optionsOf(command))),
    );
}

function addOverrideCommands(fleet: Command, commands: () => FleetStoreCommands, parts: ProgramParts): void {
  const { done, add, example, optionsOf } = parts;
  const override = add(fleet, "override", "decide for single nodes, whatever rollouts say").helpCommand(
    false,
  );
  withEngine(add(override, "set", "give nodes a published state, or have them keep what they run"), parts)
    .argument("<node...>", "ids of nodes")
    .option("--to <state>", "a published state, by serial or digest")
    .option("--hold", "they keep what they run")
    .addOption(reason())
    .addOption(by())
    .addHelpText("after", example('fleet override set n1 --to 11 --reason "disk swap"'))
    .action(async (nodes, _, command: Command) =>
      done(await commands().overrideSet(nodes, optionsOf(command))),
    );
  withEngine(add(override, "clear", "let rollouts and the channel count again"), parts)
    .argument("<node...>", "ids of nodes")
    .addHelpText("after", example("fleet override clear n1"))
    .action(async (nodes, _, command: Command) =>
      done(await commands().overrideClear(nodes, optionsOf(command))),
    );
  withEngine(add(override, "list", "show who has one, since when, by whom and why"), parts)
    .addHelpText("after", example("fleet override list"))
    .action(async (_, command: Command) => done(await commands().overrideList(optionsOf(command))));
}

function addInventoryCommands(fleet: Command, commands: () => FleetStoreCommands, parts: ProgramParts): void {
  const { done, add, example, optionsOf } = parts;
  const inventory = add(
    fleet,
    "inventory",
    "keep the labels that decide who is in which scope and wave",
  ).helpCommand(false);
  withEngine(add(inventory, "list", "print it, a line for each node, as import reads it"), parts)
    .addHelpText("after", example("fleet inventory list > nodes.txt"))
    .action(async (_, command: Command) => done(await commands().inventoryList(optionsOf(command))));
  withEngine(add(inventory, "set", "give a node these labels, and no others"), parts)
    .argument("<node>", "its id, as in its certificate")
    .argument("[label...]", "class=gpu zone=a …")
    .addHelpText("after", example("fleet inventory set n1 class=gpu zone=a"))
    .action(async (node, labels, _, command: Command) =>
      done(await commands().inventorySet([node, ...labels], optionsOf(command))),
    );
  withEngine(add(inventory, "import", "write what a file has"), parts)
    .argument("<file>", "a line for each node: n1 class=gpu zone=a")
    .option("--replace", "take out of the inventory who is not in the file")
    .addHelpText("after", example("fleet inventory import nodes.txt"))
    .action(async (file, _, command: Command) =>
      done(await commands().inventoryImport(file, optionsOf(command))),
    );
  withEngine(add(inventory, "remove", "forget nodes that are no more, with all that is known of them"), parts)
    .argument("<node...>", "ids of nodes")
    .addHelpText("after", example("fleet inventory remove n1"))
    .action(async (nodes, _, command: Command) =>
      done(await commands().inventoryRemove(nodes, optionsOf(command))),
    );
}

/** How each of them finds the fleet. */
export function withEngine(command: Command, { collect }: Pick<ProgramParts, "collect">): Command {
  return command
    .option("--engine <address>", "where the fleet's state is: etcd://HOST:PORT,… or journal:/DIRECTORY")
    .option("--fleet <name>", "which fleet")
    .addOption(
      new Option(
        "--config <file>",
        "says both, and how etcd is asked (default: /etc/mirrorlet/feed.toml)",
      ).env("MIRRORLET_FEED_CONFIG"),
    )
    .option("--set <key=value>", "a setting that wins over feed.toml; may be repeated", collect);
}

function by(): Option {
  return new Option("--by <name>", "who does it, for the record (default: the user and the machine)");
}

function reason(): Option {
  return new Option("--reason <text>", "why, for the record");
}
