import { pushFix } from "../../core/bundle/push/push-fix.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "./answer-error.ts";

/** What went wrong and what to do, for whoever pushes; without secrets. */
export function describePushFailure(error: unknown): string {
  return describeFailure(error, hintFor);
}

/** The same for whoever pulls. */
export function describePullFailure(error: unknown): string {
  return describeFailure(error, pullHintFor);
}

function describeFailure(error: unknown, hintFor: (error: AnswerError) => string | undefined): string {
  const first = innermost(error);
  if (first instanceof RegistryError) {
    const { cause, fix } = pushFix(first.failure);
    const tried = first === error ? "" : tries(error);
    return `${cause}${tried}; ${fix}`;
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = first instanceof AnswerError ? hintFor(first) : undefined;
  // What the registry says of it is long, and says it last.
  if (first instanceof AnswerError && first.isFull && hint !== undefined) return `${hint} (${message})`;
  return hint === undefined ? message : `${message}; ${hint}`;
}

function innermost(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof RegistryError || cause instanceof AnswerError ? cause : error;
}

function tries(error: unknown): string {
  return / \(tried \d+ times\)$/.exec((error as Error).message)?.[0] ?? "";
}

function hintFor({ status, host, codes, isFull }: AnswerError): string | undefined {
  if (isFull)
    return "the registry's disk is full: make room there (its garbage collection frees what broken uploads left), and push again; nothing more is sent until then, and what is there stays";
  // The registry's own 401 is answered with a login, or is a failure to log in.
  if (status === 401)
    return `the registry sends uploads on to ${host}, which is not what was pushed to, and no login is sent there: where ${host} is another name of it, push to that, or correct the external URL that it is set up with (http.host of docker-registry, external_url of Harbor, X-Forwarded-Host of a proxy in front)`;
  if (status === 403 || codes.includes("DENIED"))
    return "the login may not push there: give it the right, or use another";
  if (status === 413)
    return "something in front of the registry limits the size of requests: raise it (client_max_body_size of nginx)";
  if (codes.includes("MANIFEST_BLOB_UNKNOWN"))
    return "the registry lost a part of it: push again with --deep";
  if (status === 429)
    return "the registry limits its clients: push again later, what is there is not sent again";
  if (codes.includes("NAME_UNKNOWN")) return "create the project or namespace at the registry first";
  if (status === 404 || status === 405)
    return "is this a registry, and does it take pushes? A pull-through cache does not";
  return undefined;
}

function pullHintFor({ status, isBlob }: AnswerError): string | undefined {
  if (status === 429)
    return "the registry limits its clients: log in if that lifts the limit, or dump again later";
  const isNotThere = status === 404 || status === 410;
  if (isBlob && (isNotThere || status === 403))
    return isNotThere
      ? "the image's manifest is there, and this part of it is not: push the image to that registry again, or, where it is a cache, have it drop the image and fetch it anew"
      : "the image's manifest was handed out, and this part of it is not: a scanner holds it back, or the storage behind has lost it; ask who runs that registry";
  if (status === 403) return "the login may not pull from there: give it the right, or use another";
  if (status === 404) return "the registry does not have it: check the name, and its spelling";
  return undefined;
}
