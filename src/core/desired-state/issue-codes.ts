/** Every issue code of the desired state, in the order of docs/issues.md. Codes are stable: never reuse one. */
export const ISSUE_CODES = [
  "too-large",
  "not-utf8",
  "control-character",
  "empty-input",
  "yaml-syntax",
  "yaml-alias",
  "yaml-tag",
  "too-deep",
  "too-many-nodes",
  "duplicate-key",
  "forbidden-key",
  "key-not-text",
  "too-many-issues",

  "wrong-type",
  "missing-key",
  "unknown-key",
  "ignored-key",
  "unknown-kind",
  "unknown-form",
  "empty-registries",

  "endpoint-scheme",
  "endpoint-host",
  "endpoint-userinfo",
  "endpoint-query",
  "endpoint-path",
  "endpoint-docker-io",
  "ipv6-literal",

  "host-invalid",
  "host-own",
  "host-alias",
  "host-duplicate",

  "capability-unknown",
  "capability-no-pull",
  "dial-timeout",
  "path-not-absolute",
  "tls-on-http",
  "tls-not-verified",
  "key-conflict",
  "client-pair",

  "upstream-policy",
  "upstream-conflict",
  "upstream-without-mirror",
  "never-without-mirror",
  "never-not-for-rest",
  "never-digest-only",

  "mirror-conflict",
  "mirror-order",
  "too-many-mirrors",
  "no-mirrors",

  "source-invalid",
  "source-widened",
  "mirror-path",

  "rewrite",
  "upstream-tls",

  "secret-missing",
  "secret-invalid",

  "file-missing",
  "file-unreadable",
  "file-too-large",
  "file-not-text",

  "certificate-invalid",
  "certificate-expired",
  "certificate-not-yet-valid",
  "certificate-expires-soon",
  "key-invalid",
  "key-mismatch",
  "key-in-ca",

  "docker-config",
  "gcr-key",
  "credential-missing",
  "credential-invalid",
  "credential-insecure",
  "credential-conflict",

  "canary-invalid",
  "canary-not-mirrored",
  "mass-removal",
] as const;

export type IssueCode = (typeof ISSUE_CODES)[number];
