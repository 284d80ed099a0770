import { type ErrorForm, firstGroup } from "./error-form.ts";

/** What containerd says of its config.toml: at its start, in its journal, or where CRI is missing. */
export const CONFIG_FORMS: readonly ErrorForm[] = [
  {
    pattern: /`?(mirrors|configs\.tls)`? cannot be set when `?config_path`? is provided/,
    code: (match) => (match[1] === "mirrors" ? "mirrors-beside-config-path" : "tls-beside-config-path"),
    detail: (match) => match[0],
    source: "pkg/cri/config/config.go (1.x: `invalid plugin config`, 2.x: `invalid cri image config`)",
  },
  {
    pattern:
      /(invalid image pull progress timeout: [^"\n]{1,100}|failed to parse image_pull_progress_timeout [^\n]{1,60})/,
    code: "progress-timeout-invalid",
    detail: firstGroup,
    source: "pkg/cri/config/config.go (1.7), and where it is empty pkg/cri/server/image_pull.go",
  },
  {
    pattern: /(?:invalid (?:plugin config|cri image config)|failed to create CRI service): ([^"\n]{1,200})/,
    code: "cri-refuses-setting",
    detail: firstGroup,
    source: "pkg/cri/config/config.go, internal/cri/config/config.go, pkg/cri/cri.go",
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
    pattern: /invalid (?:disabled plugin|required plugin|plugin key) URI "?([\w.-]+)"? expect/,
    code: "plugin-name-refused",
    detail: firstGroup,
    source: "services/server/config/config.go, cmd/containerd/server/config/config.go",
  },
  {
    pattern: /containerd: (?:failed to load TOML: \/\S+: )?open (\/\S+): no such file or directory/,
    code: "import-missing",
    detail: firstGroup,
    source: "services/server/config/config.go (2.x: the bare error of open)",
  },
  {
    // Values are left out: some are secrets.
    pattern:
      /Failure unmarshaling TOML.*?(cannot decode TOML \w+ into .{1,120})|containerd: (?:failed to unmarshal TOML[^:]*: )?(?:toml: (cannot decode TOML \w+ into .{1,120})|(\(\d+, \d+\)): Can't convert )/,
    code: "config-wrong-type",
    detail: firstGroup,
    source: "go-toml v1 (1.x) and v2 (2.x), for the whole file and for the section of a plugin",
  },
  {
    pattern:
      /containerd: failed to load TOML: (\/\S+: \(\d+, \d+\))|(?:Failure unmarshaling TOML: |containerd: failed to unmarshal TOML at )(.{1,160})/,
    code: "config-not-toml",
    detail: firstGroup,
    source: "services/server/config/config.go (1.x), cmd/containerd/server/config/config.go (2.x)",
  },
  {
    pattern:
      /Ignoring unknown key in TOML for plugin key=(registry configs \S+ tls)\b.*? plugin=io\.containerd\.cri\.v1\.images/,
    code: "legacy-tls-ignored",
    detail: firstGroup,
    source: "cmd/containerd/server/config/config.go (2.x)",
  },
  {
    pattern:
      /Ignoring unknown key in TOML for plugin key=(registry .+?) plugin=io\.containerd\.cri\.v1\.images/,
    code: "config-key-unknown",
    detail: firstGroup,
    source: "cmd/containerd/server/config/config.go (2.x)",
  },
  {
    pattern: /Ignoring unknown key in TOML for plugin key=registry\b.*? plugin=([\w.]+)/,
    code: (match) =>
      match[1] === "io.containerd.grpc.v1.cri" ? "config-section-ignored" : "config-path-misplaced",
    detail: firstGroup,
    source: "cmd/containerd/server/config/config.go (2.x)",
  },
];
