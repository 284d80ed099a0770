import { type DroppedFile, type ErrorForm, firstGroup } from "./error-form.ts";

/** What containerd says of certs.d: files that it drops, and files that it cannot do without. */
export const HOSTS_FORMS: readonly ErrorForm[] = [
  {
    pattern: /failed to decode (\/?\S*hosts\.toml)\b(?:: (.*))?/,
    code: (match) => codeOfDrop(match[2] ?? ""),
    detail: firstGroup,
    source: "remotes/docker/config/hosts.go (1.x without, 2.x with the path)",
  },
  {
    pattern: /panic: interface conversion: .{1,100} not \*toml\.Tree/,
    code: "hosts-file-crash",
    source: "remotes/docker/config/hosts.go (1.x)",
  },
  {
    pattern: /unable to (?:read|load) (CA cert|CERT file) "([^"]+)"/,
    code: (match) => (match[1] === "CA cert" ? "ca-file-unusable" : "client-file-unusable"),
    detail: (match) => match[2] ?? "",
    source: "remotes/docker/config/hosts.go",
  },
  {
    pattern: /failed to load X509 key pair: ([^"\n]{1,200})/,
    code: "client-file-unusable",
    detail: firstGroup,
    source: "remotes/docker/config/hosts.go",
  },
  {
    pattern: /unable to initialize cert pool/,
    code: "ca-file-unusable",
    source: "remotes/docker/config/hosts.go",
  },
  {
    pattern: /no (?:resolve|pull) hosts: not found/,
    code: "no-resolving-host",
    source: "remotes/docker/resolver.go and fetcher.go",
  },
  {
    pattern: /open (\/\S+)\/hosts\.toml: not a directory/,
    code: "directory-is-file",
    detail: firstGroup,
    source: "remotes/docker/config/hosts.go",
  },
  {
    pattern: /failed to resolve .*\bstat (\/\S+)\/(?!hosts\.toml)[^/\s]+: not a directory/,
    code: "config-path-no-directory",
    detail: firstGroup,
    source: "remotes/docker/config/hosts.go: the directory of a registry below a file",
  },
  {
    pattern:
      /(?:open|read|stat|lstat) (\/\S*(?:certs\.d|hosts\.toml)\S*): (?:permission denied|not a directory|is a directory|input\/output error|too many levels of symbolic links)/,
    code: "hosts-file-unreadable",
    detail: firstGroup,
    source: "remotes/docker/config/hosts.go; only a missing path is passed over",
  },
  {
    pattern: /host will try HTTPS first since it is configured for HTTP with a TLS configuration/,
    code: "tls-keys-on-http",
    source: "remotes/docker/config/hosts.go (1.6.25, 1.7.7)",
  },
];

/** In the words of containerd and of its TOML libraries; what none of them fits is no TOML. */
const DROPS: readonly (readonly [RegExp, DroppedFile])[] = [
  [/^unknown capability /, "hosts-file-capability"],
  [/^invalid `host` tree/, "hosts-file-no-host-table"],
  [/table key cannot contain ']'/, "hosts-file-ipv6-header"],
  [/U\+00EF|U\+FEFF/, "hosts-file-bom"],
  [/Can't convert|cannot decode TOML|^invalid (?:type|pair) |^unable to cast/, "hosts-file-wrong-type"],
  [/^unable to parse server /, "hosts-file-bad-url"],
  [/^time: (?:invalid|missing|unknown)/, "hosts-file-bad-duration"],
];

function codeOfDrop(reason: string): DroppedFile {
  return DROPS.find(([pattern]) => pattern.test(reason))?.[1] ?? "hosts-file-dropped";
}
