/** Text with SGR codes around it, or as it is where no colour is wanted. */
export type Paint = (text: string, ...codes: readonly number[]) => string;

export const RED = 31;
export const GREEN = 32;
export const YELLOW = 33;
export const CYAN = 36;
export const BOLD = 1;
export const DIM = 2;

export function createPaint(color: boolean): Paint {
  return (text, ...codes) =>
    color && codes.length > 0 ? `\u001b[${codes.join(";")}m${text}\u001b[0m` : text;
}
