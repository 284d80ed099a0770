import type { Place } from "../issue.ts";
import type { Credential } from "./desired-state.ts";
import { parseShallowJson } from "./docker-config.ts";
import type { IssueLog } from "./issue-log.ts";
import { hasControlCharacter, isWellFormed } from "./text.ts";

/**
 * A credential that Basic authentication can carry, or undefined with an issue. Values never reach a message.
 * A service-account key (user `_json_key`) is put on one line: its own line ends mean nothing.
 */
export function checkCredential(
  credential: Credential,
  at: Place,
  whose: string,
  log: IssueLog,
): Credential | undefined {
  const { username } = credential;
  const password = username === "_json_key" ? compactJson(credential.password) : credential.password;
  const problem = findProblem(username, password);
  if (problem === undefined) return { username, password };
  log.error(
    "credential-invalid",
    at,
    `${whose} cannot be sent: ${problem}`,
    "give a username without colon and a password on one line",
  );
  return undefined;
}

function findProblem(username: string, password: string): string | undefined {
  if (username === "") return "the username is empty";
  if (username.includes(":")) return "the username holds a colon, where Basic authentication ends it";
  if (password === "") return "the password is empty";
  if (hasControlCharacter(username)) return "the username holds a line end or another control character";
  if (hasControlCharacter(password)) return "the password holds a line end or another control character";
  return isWellFormed(username + password) ? undefined : "it is not well-formed Unicode";
}

function compactJson(text: string): string {
  const value = parseShallowJson(text);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : text;
}
