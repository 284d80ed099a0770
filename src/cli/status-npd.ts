import { plainText } from "../core/plain-text.ts";

/** What node-problem-detector keeps of a message by default; what is longer it cuts, in the middle of a character too. */
const MAX_BYTES = 80;

/** One line, at most 80 bytes: https://github.com/kubernetes/node-problem-detector/blob/master/docs/custom_plugin_monitor.md */
export function formatNpdLine(sentence: string): string {
  const line = plainText(sentence).replace(/\.$/, "");
  if (size(line) <= MAX_BYTES) return line;
  let cut = line;
  while (size(cut) > MAX_BYTES - 3) cut = [...cut].slice(0, -1).join("");
  return `${cut.trimEnd()}...`;
}

function size(text: string): number {
  return new TextEncoder().encode(text).length;
}
