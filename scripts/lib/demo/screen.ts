import type { WriteStream } from "node:tty";

/** Digests by their first digits. */
export function shortenDigests(text: string): string {
  return text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]+/g, "$1…");
}

/** Text for people, at most 100 columns wide. */
export interface Screen {
  title(text: string): void;
  /** A numbered heading; what follows belongs to it. */
  step(text: string): void;
  say(text: string): void;
  /** A line with the time it took at the right edge. */
  took(text: string, ms: number): void;
  /** Text of a file or a log, set off from ours. */
  quote(text: string, look?: (line: string) => Look): void;
  /** The point of the step. */
  proof(text: string): void;
}

export type Look = "plain" | "added" | "removed" | "quiet";

const WIDTH = 100;
const INDENT = "   ";

export function createScreen(stream: WriteStream): Screen {
  const color = createColor(stream);
  const line = (text = ""): void => void stream.write(`${text}\n`);
  let steps = 0;
  return {
    title: (text) => line(color("bold", text)),
    step(text) {
      steps += 1;
      line(`\n${color("bold", `${steps}. ${text}`)}`);
    },
    say: (text) => {
      for (const each of wrap(text, WIDTH - INDENT.length)) line(`${INDENT}${each}`);
    },
    took(text, ms) {
      const time = formatMs(ms);
      const room = WIDTH - INDENT.length - time.length - 1;
      const lines = wrap(text, room);
      lines.forEach((each, index) => {
        const isLast = index === lines.length - 1;
        line(`${INDENT}${isLast ? `${each.padEnd(room)} ${color("dim", time)}` : each}`);
      });
    },
    quote(text, look = () => "plain") {
      for (const each of text.replace(/\n$/, "").split("\n")) {
        for (const part of cut(each, WIDTH - INDENT.length - 2))
          line(`${INDENT}${color("dim", "│")} ${color(colors[look(each)], part)}`);
      }
    },
    proof: (text) => {
      for (const each of wrap(text, WIDTH - INDENT.length - 2))
        line(`${INDENT}${color("green", `✓ ${each}`)}`);
    },
  };
}

const colors = { plain: "plain", added: "green", removed: "red", quiet: "dim" } as const;
const codes = { plain: "", bold: "1", dim: "2", red: "31", green: "32" } as const;

function createColor(stream: WriteStream): (name: keyof typeof codes, text: string) => string {
  const { NO_COLOR: no = "", FORCE_COLOR: force = "" } = process.env;
  const wanted = no === "" && (force === "" ? stream.isTTY === true : force !== "0");
  return (name, text) => (wanted && codes[name] !== "" ? `\u001b[${codes[name]}m${text}\u001b[0m` : text);
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A long line goes on below, further in than it began; at a space where there is one not far from the edge. */
function cut(text: string, width: number, further = 4): readonly string[] {
  if (text.length <= width) return [text];
  const indent = " ".repeat(text.search(/\S|$/) + further);
  const space = text.lastIndexOf(" ", width);
  const end = space > width / 2 ? space : width;
  return [text.slice(0, end), ...cut(indent + text.slice(end).trimStart(), width, 0)];
}

/** At spaces; a word that is too long stands alone. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
