#!/usr/bin/env node
import { HostError } from "./agent/ports.ts";
import type { CommandIo, ExitCode } from "./cli/command.ts";
import { runProgram } from "./cli/program.ts";
import { wrapMessage } from "./cli/wrap-text.ts";
import { asErrors, isJournal } from "./host/journal-stream.ts";
import { composeCommands } from "./program/compose-commands.ts";

// Without a handler of ours SIGUSR1 opens the inspector, and with it root's rights to every user of the node.
process.on("SIGUSR1", () => {});
// An agent that still starts has nothing to reload, and is not to end by it either.
if (process.argv[2] === "agent") process.on("SIGHUP", () => {});
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// Whoever reads may leave early, as `head` does: the work goes on, and its exit code tells how that ended.
const stdoutClosed = new AbortController();
let unwritten: Error | undefined;
process.stdout.on("error", noteClosed);
process.stderr.on("error", () => {});

// What goes to stderr is why a command failed, which has to be found by `journalctl -p err`.
const inJournal = isJournal(process.env);
const output = {
  stdout: (text: string) => void process.stdout.write(text),
  stderr: (text: string) => void process.stderr.write(forStderr(text)),
};

const commands = composeCommands(
  ({ json }): CommandIo => ({
    ...output,
    json,
    stdoutClosed: stdoutClosed.signal,
    color: mayColor(),
    // Looked at again each time: windows change their size.
    get columns() {
      return process.stdout.columns;
    },
    get rows() {
      return process.stdout.rows;
    },
    get progressColumns() {
      return process.stderr.isTTY === true ? process.stderr.columns : undefined;
    },
  }),
);
const code = await runProgram(process.argv.slice(2), commands, output).catch(explainHostError);
// Handles that some library keeps open must not hold up the end; what is written must get out first.
process.stdout.write("", (error) => {
  noteClosed(error);
  if (unwritten !== undefined)
    output.stderr(`mirrorlet: what belongs to standard output could not be written: ${unwritten.message}\n`);
  process.stderr.write("", () => process.exit(unwritten === undefined || code !== 0 ? code : 1));
});

function forStderr(text: string): string {
  if (inJournal) return asErrors(text);
  const { isTTY, columns } = process.stderr;
  return isTTY === true ? wrapMessage(text, columns) : text;
}

function noteClosed(error: NodeJS.ErrnoException | null | undefined): void {
  if (error == null || stdoutClosed.signal.aborted) return;
  if (error.code !== "EPIPE") unwritten = error;
  stdoutClosed.abort();
}

function mayColor(): boolean {
  const { NO_COLOR: no, FORCE_COLOR: force } = process.env;
  if (no !== undefined && no !== "") return false;
  if (force !== undefined && force !== "") return force !== "0";
  return process.stdout.isTTY === true;
}

/** What the machine refuses is no bug of ours: its own words are enough. */
function explainHostError(error: unknown): ExitCode {
  if (!(error instanceof HostError)) throw error;
  output.stderr(`mirrorlet: ${error.message}\n`);
  return 1;
}

function fail(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const words = `mirrorlet: internal error, please report it: ${text}\n`;
  process.stderr.write(isJournal(process.env) ? asErrors(words) : words, () => process.exit(1));
}
