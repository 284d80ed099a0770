import { type ErrorForm, firstGroup } from "./error-form.ts";

/** Errors that no host has a part in: the node's own files and containerd itself. */
export const NODE_FORMS: readonly ErrorForm[] = [
  {
    pattern: /`?(mirrors|configs\.tls)`? cannot be set when `?config_path`? is provided/,
    code: (match) => (match[1] === "mirrors" ? "mirrors-beside-config-path" : "tls-beside-config-path"),
    detail: (match) => match[0],
    source: "pkg/cri/config/config.go (1.x: `invalid plugin config`, 2.x: `invalid cri image config`)",
  },
  {
    pattern: /(invalid image pull progress timeout: [^"\n]{1,100})/,
    code: "progress-timeout-invalid",
    detail: firstGroup,
    source: "pkg/cri/config/config.go (1.7)",
  },
  {
    pattern: /invalid (?:plugin config|cri image config): ([^"\n]{1,200})/,
    code: "cri-refuses-config",
    detail: firstGroup,
    source: "pkg/cri/config/config.go, internal/cri/config/config.go",
  },
  {
    pattern: /unknown service (runtime\.v1(?:alpha2)?\.(?:ImageService|RuntimeService))/,
    code: "cri-not-answering",
    detail: firstGroup,
    source: "gRPC, where the CRI plugin did not load or is disabled",
  },
  {
    pattern: /containerd config version `?(\d+)`? is not supported, the max version is `?\d+`?/,
    code: "config-version-refused",
    detail: firstGroup,
    source: "services/server/config/config.go (1.7)",
  },
  {
    pattern: /expected containerd config version equal to or less than `?\d+`?, got `?(\d+)`?/,
    code: "config-version-refused",
    detail: firstGroup,
    source: "cmd/containerd/server/config/config.go (2.x)",
  },
  {
    pattern: /Ignoring unknown key in TOML for plugin key=registry\b.*? plugin=([\w.]+)/,
    code: "config-section-ignored",
    detail: firstGroup,
    source: "cmd/containerd/server/config/config.go (2.x)",
  },
  {
    pattern: /failed to decode (\/?\S*hosts\.toml)\b/,
    code: "hosts-file-dropped",
    detail: firstGroup,
    source: "remotes/docker/config/hosts.go (1.x without, 2.x with the path)",
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
  {
    pattern: /failed to parse image reference "([^"]+)"|invalid reference format/,
    code: "image-name-refused",
    detail: firstGroup,
    source: "pkg/cri/server/image_pull.go, github.com/distribution/reference",
  },
];
