import { spawn } from "node:child_process";
import { type PushLogin, readHelperAnswer } from "../../core/bundle/push/docker-logins.ts";
import { printable } from "../../core/evidence/printable.ts";

export type HelperResult =
  | { readonly ok: true; readonly login: PushLogin | undefined }
  /** A sentence that holds no secret. */
  | { readonly ok: false; readonly message: string };

const LIMIT_MS = 30_000;
const MAX_BYTES = 64 * 1024;

/** Asks `docker-credential-<helper>` for the login of a server; undefined: it has none. */
export async function runCredentialHelper(helper: string, server: string): Promise<HelperResult> {
  const program = `docker-credential-${helper}`;
  const child = spawn(program, ["get"], { stdio: ["pipe", "pipe", "ignore"], timeout: LIMIT_MS });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(0, MAX_BYTES);
  });
  child.stdin.on("error", () => {});
  child.stdin.end(`${server}\n`);
  const end = await new Promise<number | NodeJS.ErrnoException | null>((resolve) => {
    child.once("error", resolve).once("close", resolve);
  });
  if (end instanceof Error) {
    const why = end.code === "ENOENT" ? "is not installed" : `cannot be run: ${end.message}`;
    return { ok: false, message: `${program}, which the docker config names for ${server}, ${why}` };
  }
  if (end === 0) {
    const login = readHelperAnswer(text);
    if (login !== undefined) return { ok: true, login };
    return { ok: false, message: `${program} answers for ${server} with what is no login` };
  }
  // The words that every helper has for it.
  if (/credentials not found/i.test(text)) return { ok: true, login: undefined };
  const why = end === null ? "did not end in time" : `failed: ${printable(text.trim(), 200)}`;
  return { ok: false, message: `${program}, asked for the login of ${server}, ${why}` };
}
