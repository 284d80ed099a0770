import { type ImageReference, parseImageReference } from "../../../containerd/image-reference.ts";
import { parseRegistryUrl } from "../../../evidence/registry-url.ts";
import { ANSWER_FORMS, CONTENT_FORMS } from "./answer-forms.ts";
import type { ErrorCode, ErrorForm } from "./error-form.ts";
import { NETWORK_FORMS } from "./network-forms.ts";
import { NODE_FORMS } from "./node-forms.ts";
import { type RequestWords, readRequestWords } from "./read-request-words.ts";
import type { Statement } from "./split-statements.ts";

/** What an error says, before anything of the node is known. */
export interface PullError {
  readonly code: ErrorCode;
  /** What the words give besides; without secrets. */
  readonly detail: string;
  /** As it was printed, on one line. May hold queries. */
  readonly text: string;
  readonly asked: RequestWords;
  /** Undefined: it does not say for which image. */
  readonly image?: ImageReference;
  /** containerd went on to another host: whether the pull failed is not said here. */
  readonly isSkip: boolean;
  /** Major version of a containerd that has these words; undefined: all have them. */
  readonly era?: 1 | 2;
  /** It is the image of the pod sandbox: without it no pod starts. */
  readonly isSandbox: boolean;
}

export const ERROR_FORMS: readonly ErrorForm[] = [
  ...NODE_FORMS,
  ...NETWORK_FORMS,
  ...ANSWER_FORMS,
  ...CONTENT_FORMS,
];

/** Undefined: these are no words of a pull that failed, or none that are known. */
export function readPullError({ texts, log }: Statement): PullError | undefined {
  const [best] = texts
    .flatMap((text) => {
      const rank = MENTIONS.test(text) ? ERROR_FORMS.findIndex(({ pattern }) => pattern.test(text)) : -1;
      return rank < 0 ? [] : [{ text, rank }];
    })
    .sort((one, other) => one.rank - other.rank || countHosts(other.text) - countHosts(one.text));
  const form = ERROR_FORMS[best?.rank ?? -1];
  const match = best === undefined ? undefined : form?.pattern.exec(best.text);
  if (best === undefined || form === undefined || !match) return undefined;
  const { text } = best;
  const asked = readRequestWords(text, log?.fields["host"]);
  const image = findImage(text, asked);
  return {
    code: typeof form.code === "function" ? form.code(match) : form.code,
    detail: form.detail?.(match) ?? "",
    text,
    asked,
    ...(image === undefined ? {} : { image }),
    isSkip: log !== undefined && /^trying next host|^fetch failed/.test(log.message),
    isSandbox: /sandbox image "|create pod sandbox/.test(text),
    ...eraOf(text),
  };
}

/** Of two ways to put a text together, the one in which a host can be read. */
function countHosts(text: string): number {
  return readRequestWords(text).host === undefined ? 0 : 1;
}

/** Words of one line of releases; what both have says nothing. */
function eraOf(text: string): Pick<PullError, "era"> {
  if (
    /failed to resolve image:|after status: \d|short read: expected|fetch failed|cri\.v1\.images|cri image config/.test(
      text,
    )
  )
    return { era: 2 };
  if (
    /pulling from host|response was http\.StatusNotFound|unexpected status: \d|invalid plugin config/.test(
      text,
    )
  )
    return { era: 1 };
  return {};
}

/** Of a journal most lines are about something else: one look for all forms together. */
const MENTIONS =
  /pull|resolv|fetch|image|host|commit|x509|dial|proxyconnect|unexpected|EOF|certificate|CERT|TLS|tls|TOML|http|config|service runtime|token|auth|read|type|manifest|context|panic|directory|timeout|convert|not found/;

const NAMED = [
  /sandbox image "([^"]+)"/,
  /failed to (?:resolve reference|parse image reference|pull and unpack image|pull image) "([^"]+)"/,
  /(?:Failed to pull|Pulling|pulling) image "([^"]+)"/,
  /PullImage "([^"]+)"/,
  /\bimage="([^"]+)"/,
  /(?:^|[\s"])((?:[\w-]+\.)+[\w-]+(?::\d+)?\/[\w./-]{1,255}[:@][\w.:-]{1,140}): not found/,
];

function findImage(text: string, { url }: RequestWords): ImageReference | undefined {
  for (const pattern of NAMED) {
    const name = pattern.exec(text)?.[1];
    const parsed = name === undefined ? undefined : parseImageReference(name);
    if (parsed?.ok === true) return parsed.reference;
  }
  return url === undefined ? undefined : imageOfUrl(url);
}

/** A mirror may have its own path in front of the repository, which is not to be told from the repository here. */
function imageOfUrl(url: string): ImageReference | undefined {
  const asked = parseRegistryUrl(url);
  if (asked === undefined || asked.registry.startsWith("[")) return undefined;
  const { registry, repository, object, kind } = asked;
  const target = kind === "blob" ? "" : object.includes(":") ? `@${object}` : `:${object}`;
  const parsed = parseImageReference(`${registry}/${repository}${target}`);
  return parsed.ok ? parsed.reference : undefined;
}
