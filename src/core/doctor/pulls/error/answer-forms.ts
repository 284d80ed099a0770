import { codeOfStatus } from "../../../containerd/pull/judge-answer.ts";
import { type ErrorCode, type ErrorForm, firstGroup } from "./error-form.ts";

/** An answer that containerd does not take. */
export const ANSWER_FORMS: readonly ErrorForm[] = [
  {
    pattern: /toomanyrequests|TOOMANYREQUESTS|pull rate limit/,
    code: "rate-limited",
    detail: () => "429",
    source: "the registry's own words, behind the status",
  },
  {
    pattern:
      /failed to fetch (?:anonymous|oauth) token: unexpected status(?: from \w+ request to \S+)?: (\d{3}[^\n"]{0,40})/,
    code: "token-refused",
    detail: firstGroup,
    source: "remotes/docker/auth/fetch.go (before 1.6.25 without the URL)",
  },
  {
    pattern: /unable to decode token response|authorization server did not include a token/,
    code: "no-token",
    source: "remotes/docker/auth/fetch.go",
  },
  {
    pattern: /no realm specified for token auth challenge|invalid token auth challenge realm/,
    code: "no-realm",
    source: "remotes/docker/auth/fetch.go",
  },
  {
    pattern: /no basic auth credentials|missing username or secret/,
    code: "no-credentials",
    source: "remotes/docker/authorizer.go (1.6.25, 1.7; before: 401)",
  },
  {
    pattern: /failed to find supported auth scheme/,
    code: "unknown-scheme",
    detail: () => "neither",
    source: "remotes/docker/authorizer.go",
  },
  {
    pattern:
      /(?:insufficient_scope|server message: [\w ]+): authorization failed|pull access denied|requested access to the resource is denied|\b401 Unauthorized/,
    code: "login-refused-or-missing",
    detail: (match) => (/401/.test(match[0]) ? "401" : "an error to the token"),
    source: "remotes/docker/resolver.go and authorizer.go",
  },
  {
    pattern: /pulling from host \S+ failed with (?:unexpected )?status code \[[^\]]*\]: (\d{3})/,
    code: byStatus,
    detail: firstGroup,
    source: "remotes/docker/resolver.go (1.4.12 to 1.6.24)",
  },
  {
    pattern: /unexpected status code \[[^\]]*\]: (\d{3})/,
    code: byStatus,
    detail: firstGroup,
    source: "remotes/docker/resolver.go (before 1.4.12)",
  },
  {
    pattern: /unexpected status from \w+ request to \S+: (\d{3})/,
    code: byStatus,
    detail: firstGroup,
    source: "remotes/errors/errors.go (1.6.25, 1.7)",
  },
  {
    pattern: /unexpected (?:HEAD )?status code \S+: (\d{3})/,
    code: byStatus,
    detail: firstGroup,
    source: "remotes/docker/fetcher.go",
  },
  {
    pattern: /after status: (\d{3})/,
    code: byStatus,
    detail: firstGroup,
    source: "remotes/docker/resolver.go, in the log (2.0)",
  },
  {
    pattern: /response was http\.StatusNotFound/,
    code: "not-found",
    detail: () => "404",
    source: "remotes/docker/resolver.go, in the log (1.x)",
  },
  {
    pattern: /mirror resolve retries exhausted for key/,
    code: "not-found",
    source: "github.com/spegel-org/spegel: no peer has it",
  },
];

/** What is wrong with the content itself; most of it does not tell which host sent it. */
export const CONTENT_FORMS: readonly ErrorForm[] = [
  {
    pattern:
      /unexpected media type (text\/html|application\/xhtml\+xml)|reference for unknown type: text\/html/,
    code: "web-page",
    source: "core/images, remotes/handlers.go (log)",
  },
  {
    pattern: /"?([^\s"]+)"? in header not a valid digest/,
    code: "bad-digest-header",
    detail: firstGroup,
    source: "remotes/docker/resolver.go",
  },
  {
    pattern: /unexpected commit digest (sha256:[0-9a-f]{6,64}), expected sha256:/,
    code: "wrong-bytes",
    detail: firstGroup,
    source: "content/local/writer.go",
  },
  {
    pattern: /failed to read expected number of bytes|short read: expected \d+ bytes but got \d+/,
    code: "short-body",
    source: "content/helpers.go (1.x; 2.x with the numbers)",
  },
  {
    pattern: /failed to copy: (?:[^"]*: )?(?:unexpected EOF|stream error)/,
    code: "cut-body",
    source: "content/helpers.go",
  },
  {
    pattern: /unexpected commit size \d+, expected \d+/,
    code: "short-body",
    source: "content/local/writer.go",
  },
  {
    pattern: /reports content size of zero/,
    code: "no-content",
    source: "remotes/handlers.go",
  },
  {
    pattern: /rejecting \d+ byte manifest/,
    code: "manifest-too-large",
    source: "remotes/docker/resolver.go",
  },
  {
    pattern:
      /schema 1 image manifests are no longer supported|Pulling Schema 1 images have been deprecated|media type "[^"]*" is no longer supported since containerd v2\.0|image ".*": no signatures/,
    code: "schema-1",
    source: "client/pull.go, remotes/docker/schema1/converter.go",
  },
  {
    pattern: /no match for platform in manifest/,
    code: "no-platform",
    source: "images/image.go",
  },
  {
    pattern: /could not fetch content descriptor sha256:[0-9a-f]+ \(([^)]*)\) from remote: not found/,
    code: ofDescriptor,
    detail: firstGroup,
    source: "remotes/docker/fetcher.go: what has no type of a manifest is looked for under /blobs/",
  },
  {
    pattern: /content at \S+\/manifests\/sha256:[0-9a-f]+\S* not found/,
    code: "digest-unknown",
    source: "remotes/docker/fetcher.go",
  },
  {
    pattern: /content at \S+ not found/,
    code: "not-found",
    detail: () => "404",
    source: "remotes/docker/fetcher.go",
  },
  {
    pattern: /unexpected media type (\S+) for sha256/,
    code: "wrong-type",
    detail: firstGroup,
    source: "core/images/image.go",
  },
  {
    pattern:
      /failed to resolve (?:reference|image)\b.*: not found|(?:^|[\s"])[\w.-]+(?::\d+)?\/[\w./-]{1,255}[:@][\w.:-]{1,140}: not found/,
    code: "not-found",
    detail: () => "404",
    source: "remotes/docker/resolver.go: `REFERENCE: not found`",
  },
  {
    pattern: /context (?:canceled|deadline exceeded)/,
    code: "pull-cancelled",
    source: "context: image_pull_progress_timeout, or kubelet's own limit",
  },
];

function byStatus(match: RegExpExecArray): ErrorCode {
  const status = Number(firstGroup(match));
  if (status === 401) return "login-refused-or-missing";
  if (status >= 300 && status < 400) return "redirect-to-nowhere";
  return codeOfStatus(status);
}

/** Which part of the image was not found, by its type. */
function ofDescriptor(match: RegExpExecArray): ErrorCode {
  const type = firstGroup(match);
  if (/html/i.test(type)) return "web-page";
  return /^application\/vnd\.(?:oci|docker)\./.test(type) ? "not-found" : "wrong-type";
}
