/** What a server says of itself may hold anything, and ends up on terminals and pages: nothing in it may act there. */
export function printable(text: string, limit = 100): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
  return plain.length > limit ? `${plain.slice(0, limit)}…` : plain;
}
