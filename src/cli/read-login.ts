/** stored: what docker's and podman's files have · none: never any · given: a name, and where its password is. */
export type LoginWish =
  | { readonly kind: "stored" }
  | { readonly kind: "none" }
  | { readonly kind: "given"; readonly username: string; readonly password: string | "stdin" | "ask" };

/** Options that say how to log in, and whom to believe. */
export interface RegistryOptions {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly passwordStdin: boolean | undefined;
  /** `true`, or what was written: `false`. */
  readonly needCredential: string | true | undefined;
  readonly registryCredential: boolean | undefined;
  readonly dockerConfig: string | undefined;
  readonly cacert: readonly string[] | undefined;
  readonly certDir: string | undefined;
  readonly insecure: boolean | undefined;
  readonly plainHttp: boolean | undefined;
}

/** A text says what is wrong. `stdinIs`: what standard input is already; undefined: nothing. */
export function readLogin(options: RegistryOptions, stdinIs: string | undefined): LoginWish | string {
  const { username, password, passwordStdin = false, needCredential, registryCredential = true } = options;
  if (needCredential !== undefined && !["true", "false", true].includes(needCredential))
    return "--need-credential takes true or false";
  const never = needCredential === "false" || !registryCredential;
  const isGiven = username !== undefined || password !== undefined || passwordStdin;
  if (never && isGiven) return "a login is given, and never to be sent: which of the two is meant?";
  if (never) return { kind: "none" };
  if (!isGiven) return { kind: "stored" };
  if (username === undefined || username === "") return "a password is given: --username is missing";
  if (username.includes(":")) return "a user name with a colon cannot be sent";
  if (password !== undefined && passwordStdin) return "--password and --password-stdin: which one counts?";
  if (passwordStdin && stdinIs !== undefined)
    return `standard input is ${stdinIs} and cannot be a password too`;
  return { kind: "given", username, password: passwordStdin ? "stdin" : (password ?? "ask") };
}
