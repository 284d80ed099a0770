/**
 * The one TOML encoder. Everything mirrorlet writes into a TOML file goes through these functions.
 * Output is valid TOML 0.5 and 1.0, so go-toml v1 (containerd 1.x) and v2 (2.x) read it alike.
 */

/** A basic string. Throws RangeError on ill-formed UTF-16, which no TOML string can hold. */
export function encodeTomlString(value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw new RangeError("a lone surrogate cannot be written as TOML");
  let out = '"';
  for (const char of value) {
    const code = char.codePointAt(0) ?? 0;
    if (char === '"' || char === "\\") out += `\\${char}`;
    else if (char === "\n") out += "\\n";
    else if (char === "\r") out += "\\r";
    else if (char === "\t") out += "\\t";
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) out += `\\u${code.toString(16).padStart(4, "0")}`;
    else out += char;
  }
  return `${out}"`;
}

/** A key: bare where the grammar allows it, quoted otherwise. */
export function encodeTomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : encodeTomlString(key);
}

/** A dotted key or table header path: `plugins."io.containerd.grpc.v1.cri".registry`. */
export function encodeTomlPath(path: readonly string[]): string {
  return path.map(encodeTomlKey).join(".");
}

/** A one-line array of strings. */
export function encodeTomlStrings(values: readonly string[]): string {
  return `[${values.map(encodeTomlString).join(", ")}]`;
}
