import { hostname, userInfo } from "node:os";

/** `ann@bastion`: who calls a command, for what is kept about it; behind sudo the one who called that. */
export function callerName(env: NodeJS.ProcessEnv): string {
  return `${env["SUDO_USER"] || nameUser()}@${hostname()}`;
}

/** The user may be in no list of users, as in a container. */
function nameUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
