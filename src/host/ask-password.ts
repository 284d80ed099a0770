import { openSync } from "node:fs";
import { ReadStream, WriteStream } from "node:tty";

const MAX_LENGTH = 4096;

/**
 * Asks at the terminal that started this process, whatever its standard input is, without showing what is typed.
 * Undefined: there is no terminal, or whoever sits there gave up.
 */
export async function askPassword(prompt: string): Promise<string | undefined> {
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  const { input, output } = terminal;
  // Before the prompt: who answers at once is not shown either.
  input.setRawMode(true);
  output.write(prompt);
  let typed = "";
  try {
    for await (const chunk of input.setEncoding("utf8") as AsyncIterable<string>) {
      for (const character of chunk) {
        if (character === "\r" || character === "\n") return typed;
        // Ctrl-C and Ctrl-D.
        if (character === "\u0003" || character === "\u0004") return undefined;
        if (character === "\u007f" || character === "\b") typed = [...typed].slice(0, -1).join("");
        else if (character >= " " && typed.length < MAX_LENGTH) typed += character;
      }
    }
    return undefined;
  } finally {
    input.setRawMode(false);
    output.write("\n");
    input.destroy();
    output.destroy();
  }
}

function openTerminal(): { readonly input: ReadStream; readonly output: WriteStream } | undefined {
  try {
    return {
      input: new ReadStream(openSync("/dev/tty", "r")),
      output: new WriteStream(openSync("/dev/tty", "w")),
    };
  } catch {
    return undefined;
  }
}
