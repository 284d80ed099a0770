/** Go's filepath.Match for one path element: `*`, `?`, `[…]`. */
export function globToRegExp(glob: string): RegExp {
  const source = glob.replace(
    /\[(\^?)([^\]]*)\]|[*?]|[\\^$.|+(){}[\]]/g,
    (token, not?: string, set?: string) => {
      if (token === "*") return "[^/]*";
      if (token === "?") return "[^/]";
      if (set !== undefined) return `[${not}${set.replace(/[\\\]]/g, "\\$&")}]`;
      return `\\${token}`;
    },
  );
  return new RegExp(`^${source}$`);
}
