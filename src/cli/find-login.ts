import type { LoginWish, RegistryOptions } from "./read-login.ts";

/** Whose login is used: a given one, or what the stores have. */
export type LoginGiven =
  | { readonly kind: "given"; readonly username: string; readonly password: string }
  | Exclude<LoginWish, { kind: "given" }>;

export interface PasswordSources {
  /** Why a file that an option names cannot be read; undefined: all can. */
  checkFiles(options: RegistryOptions): string | undefined;
  /** The first line of standard input. */
  readStandardInput(): Promise<string>;
  /** Asks at the terminal, without showing what is typed; undefined: there is none, or the person gave up. */
  askPassword(prompt: string): Promise<string | undefined>;
}

/** A text says why there is none. */
export async function findLogin(
  wish: LoginWish,
  host: string,
  sources: PasswordSources,
): Promise<LoginGiven | string> {
  if (wish.kind !== "given") return wish;
  const { username } = wish;
  const password =
    wish.password === "stdin"
      ? await sources.readStandardInput()
      : wish.password === "ask"
        ? await sources.askPassword(`Password of ${username} at ${host}: `)
        : wish.password;
  if (password === undefined)
    return "--username needs a password: --password-stdin, or a terminal where it can be asked for";
  return password === "" ? "the password is empty" : { kind: "given", username, password };
}

export function loginWarnings({ password, insecure, plainHttp }: RegistryOptions): readonly string[] {
  return [
    ...(password === undefined
      ? []
      : [
          "--password shows the password to all users of this machine, and to the shell's history: better --password-stdin",
        ]),
    ...(insecure === true
      ? ["--insecure: whoever sits between here and the registry can read and change what is sent"]
      : []),
    ...(insecure === true && plainHttp === true ? ["--insecure means nothing with --plain-http"] : []),
  ];
}
