/** Text with every credential and private key replaced by `***`, for diffs and reports. */
export function maskSecrets(text: string): string {
  return text
    .replace(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, "-----BEGIN $1-----\n***")
    .replace(SECRET_KEY, (_all, head: string) => `${head}"***"`);
}

/**
 * Keys whose values are secrets, in hosts.toml (headers) and config.toml (auth), as the last part of a dotted
 * key, quoted or bare, with a basic, literal or multi-line value.
 */
const SECRET_KEY =
  /((?:^|[.{,\s])["']?(?:authorization|proxy-authorization|x-[\w-]*(?:token|key|auth)[\w-]*|password|auth|identitytoken|registrytoken)["']?[ \t]*=[ \t]*)("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\[[^\]]*\])/gim;
