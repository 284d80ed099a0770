/** What stands in place of a secret wherever one might be shown. */
export const masked = "***";

/** True for the name of a field or header whose value is a secret. */
export function isSecretName(name: string): boolean {
  return /passw|passphrase|secret(?!s?_?(?:dir|path|file|name)s?$)|token|credential(?!s?_?(?:path|file|source)$)|authorization|private_?key|^cookie$|^auth$/i.test(
    name,
  );
}

/**
 * Masks what looks like a secret inside a text that comes from elsewhere, such as an error message: user info in
 * URLs, values of authorization schemes, private keys, `password=…` pairs. A net below the rule that secrets are
 * not put into texts, not a replacement for it.
 */
export function redactSecrets(text: string): string {
  return (
    text
      .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+@/gi, `$1${masked}@`)
      // "basic strings" is what TOML calls them.
      .replace(/\b(basic(?! strings?\b)|bearer)\s+[A-Za-z0-9+/_.~=-]{6,}/gi, `$1 ${masked}`)
      .replace(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, masked)
      .replace(
        // Not Go's `fetch anonymous token: Get "https://…/token": dial tcp …`.
        /\b((?:password|passwd|passphrase|secret|token|identitytoken|auth)["']?\s*[=:]\s*)(?!(?:Get|Post|dial|unexpected)\s)(?:"[^"]*"|'[^']*'|[^\s,;&"']+)/gi,
        `$1${masked}`,
      )
  );
}
