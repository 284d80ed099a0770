/** How a command talks: data on stdout, progress and logs on stderr. */
export interface CommandIo {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether stdout may carry colour (a terminal, NO_COLOR, FORCE_COLOR). */
  readonly color: boolean;
  /** Width of the terminal; undefined: stdout is none. */
  readonly columns?: number | undefined;
  /** Height of the terminal that stdout is. */
  readonly rows?: number | undefined;
  /** Width of the terminal that stderr is, for lines that are written over; undefined: it is none. */
  readonly progressColumns?: number | undefined;
  /** Aborts when nobody takes what goes to stdout any more: what only shows something is over then. */
  readonly stdoutClosed?: AbortSignal | undefined;
  /** `--json`: one document with a `schema` field instead of text. */
  readonly json: boolean;
}

/**
 * 0 fine · 1 problems found or the work failed · 2 could not be determined · 64 usage · 65 bad input ·
 * 78 bad agent configuration · 130, 143 interrupted by SIGINT, SIGTERM
 */
export type ExitCode = 0 | 1 | 2 | 64 | 65 | 78 | 130 | 143;

/** A signal by which somebody wants an end. */
export type Interrupt = "SIGINT" | "SIGTERM";

/** As shells have it for a program that one of these has ended. */
export const INTERRUPTED: Readonly<Record<Interrupt, ExitCode>> = { SIGINT: 130, SIGTERM: 143 };

/** Prints one JSON document, as `--json` promises. */
export function printJson(io: CommandIo, schema: string, document: object): void {
  io.stdout(`${JSON.stringify({ schema: `mirrorlet.${schema}/v1`, ...document }, null, 2)}\n`);
}
