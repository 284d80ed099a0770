import { isSecretName, masked, redactSecrets } from "../redact-secrets.ts";
import { scanToml, type TomlStatement } from "../toml/scan-toml.ts";

/**
 * The text of a TOML or PEM file for people: the values of secret keys and of every header are `***`, and what
 * looks like a secret anywhere else (in an inline table, a comment, a private key) is masked besides.
 */
export function maskSecrets(text: string): string {
  let shown = "";
  let end = 0;
  for (const statement of scanToml(text).filter(isSecret)) {
    shown += `${redactSecrets(text.slice(end, statement.valueStart))}"${masked}"`;
    end = statement.valueEnd;
  }
  return shown + redactSecrets(text.slice(end));
}

function isSecret({ kind, path, table }: TomlStatement): boolean {
  if (kind !== "key-value") return false;
  return table.at(-1)?.toLowerCase() === "header" || path.some(isSecretName);
}
