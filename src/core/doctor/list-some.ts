/** `a, b, c and 4 more`. */
export function listSome(items: readonly string[], most = 3): string {
  if (items.length <= most + 1)
    return [items.slice(0, -1).join(", "), ...items.slice(-1)].filter(Boolean).join(" and ");
  return `${items.slice(0, most).join(", ")} and ${items.length - most} more`;
}
