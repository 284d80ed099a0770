import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AgentConfigResult,
  parseAgentConfig,
} from "../../../src/core/agent-config/parse-agent-config.ts";
import { renderAgentConfig } from "../../../src/core/agent-config/render-agent-config.ts";
import { environmentName, settingKeys, settings } from "../../../src/core/agent-config/settings.ts";
import { formatIssue } from "../../../src/core/issue.ts";

const name = "/etc/mirrorlet/agent.toml";

function parse(text?: string, env: Record<string, string> = {}, flags: readonly string[] = []) {
  return parseAgentConfig({ file: text === undefined ? undefined : { name, text }, env, flags });
}

function accepted(result: AgentConfigResult) {
  if (!result.ok) assert.fail(result.issues.map(formatIssue).join("\n"));
  return result;
}

function rejected(result: AgentConfigResult): string[] {
  if (result.ok) assert.fail("accepted");
  return result.issues.map(formatIssue);
}

test("without a file every setting has its documented default", () => {
  const { config, settings: effective } = accepted(parse());
  assert.equal(config.desiredState, "/etc/mirrorlet/desired-state.yaml");
  assert.equal(config.resyncMs, 300_000);
  assert.deepEqual(config.containerd.restart, ["systemctl", "restart", "containerd.service"]);
  assert.equal(config.http.address, "127.0.0.1:9478");
  assert.equal(config.http.metricsAddress, undefined);
  assert.equal(config.feed, undefined);
  assert.equal(config.evidence.probeIntervalMs, 30_000);
  assert.equal(config.evidence.traces, "auto");
  assert.ok(effective.every(({ origin }) => origin.from === "default"));
});

test("flag wins over environment, environment over file, file over default", () => {
  const text = 'resync = "1m"\nstyle = "legacy"\n[http]\naddress = "127.0.0.1:1"\n';
  const env = { MIRRORLET_STYLE: "certs.d", MIRRORLET_HTTP_ADDRESS: "127.0.0.1:2" };
  const { config, settings: effective } = accepted(parse(text, env, ["http.address=[::1]:3"]));
  assert.equal(config.resyncMs, 60_000);
  assert.equal(config.style, "certs.d");
  assert.equal(config.http.address, "[::1]:3");
  const origin = (key: string) => effective.find((setting) => setting.key === key)?.origin;
  assert.deepEqual(origin("resync"), { from: "file", at: { file: name, line: 1, column: 1 } });
  assert.deepEqual(origin("style"), { from: "environment", name: "MIRRORLET_STYLE" });
  assert.deepEqual(origin("http.address"), { from: "flag", name: "--set http.address" });
  assert.deepEqual(origin("preflight"), { from: "default" });
});

test("every issue comes at once, with its place", () => {
  const text =
    'resnyc = "5m"\nstyle = "cert.d"\n\n[containerd]\n  cert_d = "/x"\nsocket = 7\n[htp]\naddress = ""\n' +
    'evidence.trcaes = true\n[http]\nresync = "1m"\n"http.address" = "x"\n';
  assert.deepEqual(rejected(parse(text)), [
    `${name}:1:1: unknown key "resnyc": the agent does not start with a setting it would ignore; did you mean "resync"? (config-unknown-key)`,
    `${name}:5:3: unknown key "containerd.cert_d": the agent does not start with a setting it would ignore; did you mean "containerd.certs_d"? (config-unknown-key)`,
    `${name}:7:1: unknown key "htp": the agent does not start with a setting it would ignore; did you mean "http"? (config-unknown-key)`,
    `${name}:11:1: unknown key "http.resync": the agent does not start with a setting it would ignore; did you mean "resync"? (config-unknown-key)`,
    `${name}:12:1: unknown key "http."http.address"": the agent does not start with a setting it would ignore; remove it; \`mirrorlet agent --print-config\` shows every key (config-unknown-key)`,
    `${name}:2:1: "style" must be "certs.d" or "legacy", not "cert.d"; correct the value (config-value)`,
    `${name}:6:1: "containerd.socket" must be an absolute path without .., not 7; correct the value (config-value)`,
  ]);
});

test("inline tables and dotted keys are read like tables, and issues point at them", () => {
  const { config } = accepted(
    parse('http.address = "127.0.0.1:5"\ncontainerd = { binary = "/opt/containerd" }\n'),
  );
  assert.equal(config.http.address, "127.0.0.1:5");
  assert.equal(config.containerd.binary, "/opt/containerd");
  const [issue] = rejected(parse('\ncontainerd = { binry = "x" }\n'));
  assert.match(
    issue ?? "",
    /^\/etc\/mirrorlet\/agent\.toml:2:1: unknown key "containerd\.binry".*containerd\.binary/,
  );
});

test("text that is not TOML is one issue at the place of the error", () => {
  const issues = rejected(parse('resync = "5m"\nstyle = \n'));
  assert.equal(issues.length, 1);
  assert.match(issues[0] ?? "", /^\/etc\/mirrorlet\/agent\.toml:2:\d+: this is not TOML/);
});

test("durations", () => {
  const resync = (text: string) => parse(`resync = "${text}"`);
  assert.equal(accepted(resync("1h30m")).config.resyncMs, 5_400_000);
  assert.equal(accepted(resync("250ms")).config.resyncMs, 250);
  assert.equal(accepted(resync("1.5s")).config.resyncMs, 1500);
  for (const bad of ["", "5", "5 m", "-5m", "5d", "5M", "99h", "1e3s", "m", "99999999999999999999s"]) {
    assert.match(rejected(resync(bad))[0] ?? "", /"resync" must be a duration such as "30s" or "5m"/, bad);
  }
  assert.match(rejected(parse("resync = 5"))[0] ?? "", /not 5/);
});

test("commands from the environment are words or a JSON list", () => {
  const restart = (text: string) => parse(undefined, { MIRRORLET_CONTAINERD_RESTART: text });
  assert.deepEqual(accepted(restart("rc-service containerd restart")).config.containerd.restart, [
    "rc-service",
    "containerd",
    "restart",
  ]);
  assert.deepEqual(accepted(restart('["/bin/sh", "-c", "a b"]')).config.containerd.restart, [
    "/bin/sh",
    "-c",
    "a b",
  ]);
  for (const bad of ["", "[", "[1]", '["a\\n"]', "--x y", '[""]']) rejected(restart(bad));
});

test("addresses", () => {
  for (const good of ["127.0.0.1:0", "[::1]:9478", "localhost:80", "0.0.0.0:65535"]) {
    accepted(parse(`http.address = "${good}"`));
  }
  for (const bad of [
    "",
    ":9478",
    "9478",
    "::1:9478",
    "127.0.0.1",
    "127.0.0.1:65536",
    "a b:1",
    "[127.0.0.1]:1",
  ]) {
    rejected(parse(`http.address = "${bad}"`));
  }
});

test("a path has one spelling, however it is written", () => {
  for (const path of ["/etc/certs.d/", "/etc//certs.d", "/etc/./certs.d", "//etc/certs.d/./"])
    assert.equal(
      accepted(parse(`[containerd]\ncerts_d = "${path}"\n`)).config.containerd.certsD,
      "/etc/certs.d",
    );
  assert.equal(
    accepted(parse('[containerd]\nbinary = "/usr//bin/x"\n')).config.containerd.binary,
    "/usr/bin/x",
  );
  assert.equal(accepted(parse('pull_secret = ""\n')).config.pullSecret ?? "", "");
});

test("paths must be absolute and must not climb", () => {
  for (const bad of ["etc/x", "", "/etc/../x", "/etc/x\\n", "/etc/\\u0000"]) {
    assert.match(
      rejected(parse(`desired_state = "${bad}"`))[0] ?? "",
      /"desired_state" must be an absolute path/,
    );
  }
});

test("a secret pasted where a path belongs is not repeated", () => {
  const text = 'pull_secret = "dXNlcjpodW50ZXIy"\n[feed]\nkey = "-----BEGIN PRIVATE KEY-----hunter2"\n';
  const issues = rejected(parse(text, { MIRRORLET_FEED_KEY: "hunter2" }, ["pull_secret=hunter2"]));
  assert.equal(issues.length, 4);
  assert.doesNotMatch(issues.join(), /hunter2|dXNlcjpodW50ZXIy/);
});

test("the witness listens on loopback only, where containerd 1.x can name it, on a port that is known", () => {
  for (const address of ["127.0.0.1:478", "127.3.2.1:65535"])
    accepted(parse(`[evidence]\nwitness_address = "${address}"`));
  for (const address of [
    "10.0.0.1:478",
    "0.0.0.0:478",
    "[::1]:478",
    "localhost:478",
    "127.0.0.1:0",
    "127.1:4",
  ])
    assert.match(
      rejected(parse(`[evidence]\nwitness_address = "${address}"`))[0] ?? "",
      /"evidence\.witness_address" must be an IPv4 loopback address with a port/,
    );
});

const KEY = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

test("who may sign: keys as they are or in files, each key once, and for a fleet", () => {
  const trust = (rest: string) => parse(`[node]\nfleet = "prod"\n[trust]\n${rest}`);
  const { config } = accepted(trust(`keys = ["${KEY}", "/etc/mirrorlet/anna.pub"]\nthreshold = 2`));
  assert.deepEqual(config.trust, {
    keys: [KEY, "/etc/mirrorlet/anna.pub"],
    threshold: 2,
    unsignedFiles: false,
  });
  accepted(trust('keys = ["/etc/mirrorlet/all.pub"]\nthreshold = 3'));
  for (const wrong of ["anna.pub", "ed25519:AA", KEY.slice(0, -1), "ssh-ed25519 AAAA", ""])
    assert.match(rejected(trust(`keys = ["${wrong}"]`))[0] ?? "", /"trust\.keys" must be a list of paths/);
  assert.match(rejected(trust(`keys = ["${KEY}", "${KEY}"]\nthreshold = 2`))[0] ?? "", /there are 1 keys/);
  assert.match(rejected(trust("threshold = 0"))[0] ?? "", /from 1 to 64/);
  assert.match(
    rejected(parse(`[trust]\nkeys = ["${KEY}"]`))[0] ?? "",
    /agent\.toml:2:1: .*node\.fleet says of none/,
  );
});

test("what a node is: names and labels, each label once", () => {
  const node = (rest: string) => parse(`[node]\n${rest}`);
  const { config } = accepted(node('labels = ["class=gpu", "example.org/zone=a"]'));
  assert.deepEqual(config.node, {
    id: undefined,
    fleet: "",
    channel: "stable",
    labels: { class: "gpu", "example.org/zone": "a" },
  });
  for (const wrong of ["class", "class=", "=gpu", "class=gpu=2", "class=g u", "a/b/c=d"])
    assert.match(rejected(node(`labels = ["${wrong}"]`))[0] ?? "", /"node\.labels" must be a list of labels/);
  assert.equal(rejected(node('labels = ["class=gpu", "class=cpu"]')).length, 1);
  for (const wrong of ["a/b", "a b", ".a", "a-", "*"])
    assert.match(rejected(node(`fleet = "${wrong}"`))[0] ?? "", /"node\.fleet" must be letters/);
  assert.match(rejected(node('channel = ""'))[0] ?? "", /"node\.channel" must be letters/);
});

test("a feed: signed unless said otherwise in words, and never without knowing who this node is", () => {
  const feed = (more: string, rest = `[trust]\nkeys = ["${KEY}"]\n[node]\nfleet = "f"`) =>
    parse(`[feed]\n${more}\n${rest}`);
  const tls = 'cert = "/c"\nkey = "/k"';
  assert.deepEqual(accepted(feed(`address = "feed:1"\nca = "/a"\n${tls}`)).config.feed, {
    address: "feed:1",
    ca: "/a",
    cert: "/c",
    key: "/k",
    unsigned: false,
  });
  accepted(feed('address = "unix:/run/feed"'));
  // A file of desired state may stand beside it: it is what a node begins with.
  accepted(
    parse(
      `desired_state = "/x"\n[feed]\naddress = "unix:/f"\n[trust]\nkeys = ["${KEY}"]\n[node]\nfleet = "f"`,
    ),
  );
  assert.match(
    rejected(feed('address = "unix:/run/feed"', '[node]\nfleet = "f"'))[0] ?? "",
    /agent\.toml:2:1: a feed needs trust\.keys/,
  );
  accepted(feed('address = "unix:/run/feed"\nunsigned = true', '[node]\nfleet = "f"'));
  assert.match(
    rejected(feed('address = "unix:/run/feed"\nunsigned = true', ""))[0] ?? "",
    /a feed serves a fleet/,
  );
  assert.match(
    rejected(feed(`address = "unix:/run/feed"\nunsigned = true`))[0] ?? "",
    /agent\.toml:3:1: documents of the feed are to be signed/,
  );
  assert.match(rejected(feed('address = "feed:1"'))[0] ?? "", /by the certificate that this node shows/);
  assert.match(
    rejected(feed('address = "feed:1"\ncert = "/c"'))[0] ?? "",
    /agent\.toml:3:1: feed\.cert is set, and feed\.key is not/,
  );
});

test("settings that contradict each other are refused at their place", () => {
  const few = rejected(parse(`[trust]\nthreshold = 2\nkeys = ["${KEY}"]\n[node]\nfleet = "f"`));
  assert.match(few[0] ?? "", /agent\.toml:2:1: 2 signatures are asked for, but there are 1 keys/);
  rejected(parse('[http]\nmetrics_address = "127.0.0.1:9478"'));
  accepted(parse('[http]\naddress = "127.0.0.1:0"\nmetrics_address = "127.0.0.1:0"'));
  const same = '[http]\naddress = "127.0.0.1:7"\n[evidence]\nwitness_address = "127.0.0.1:7"\n';
  assert.match(rejected(parse(same))[0] ?? "", /agent\.toml:4:1: http and the witness/);
  accepted(parse(`${same}witness = false`));
});

test("an unknown variable warns, an unknown flag is refused", () => {
  const { warnings } = accepted(
    parse(undefined, { MIRRORLET_RESNYC: "1m", OTHER: "x", MIRRORLET_CONFIG: "/x" }),
  );
  assert.deepEqual(
    warnings.map(({ code, fix }) => [code, fix]),
    [["config-unknown-variable", "did you mean MIRRORLET_RESYNC?"]],
  );
  assert.match(rejected(parse(undefined, {}, ["resnyc=1m"]))[0] ?? "", /--set resnyc: unknown key.*"resync"/);
  assert.match(rejected(parse(undefined, {}, ["resync"]))[0] ?? "", /"resync" has no value/);
});

test("prototype keys are unknown keys, nothing more", () => {
  for (const key of ["__proto__", "constructor", "toString"]) {
    assert.match(rejected(parse(`${key} = "x"`))[0] ?? "", /unknown key/);
    assert.match(rejected(parse(undefined, {}, [`${key}=x`]))[0] ?? "", /unknown key/);
  }
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

test("the printed configuration is an agent.toml with the same meaning", () => {
  const text =
    'resync = "90s"\n[containerd]\nrestart = ["/bin/sh", "-c", "echo \\"hi\\" \\\\ x"]\n[http]\nallowed_hosts = ["n1"]\n';
  const first = accepted(parse(text, { MIRRORLET_TRUST_THRESHOLD: "1" }, ["log.level=debug"]));
  const printed = renderAgentConfig(first.settings);
  assert.match(printed, /^resync = "1m30s" +# \/etc\/mirrorlet\/agent\.toml:1$/m);
  assert.match(printed, /^level = "debug" +# --set log\.level$/m);
  assert.match(printed, /^style = "certs\.d" +# default$/m);
  assert.match(printed, /^threshold = 1 +# MIRRORLET_TRUST_THRESHOLD$/m);
  assert.deepEqual(accepted(parse(printed)).config, first.config);
});

test("environment names are unique", () => {
  assert.equal(new Set(settingKeys.map(environmentName)).size, settingKeys.length);
});

test("property: no text makes it throw, and what it accepts it prints and reads back alike", () => {
  const key = fc.constantFrom(...settingKeys);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.oneof(fc.string(), fc.constant("5s"), fc.constant("/a b")))),
      (flags) => {
        const result = parse(
          undefined,
          {},
          flags.map(([name, value]) => `${name}=${value}`),
        );
        if (!result.ok) return;
        assert.deepEqual(accepted(parse(renderAgentConfig(result.settings))).config, result.config);
      },
    ),
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parse(text)));
  for (const key of settingKeys) assert.ok(settings[key].kind.expected.length > 3);
});

const path = (length: number): string => `/${"p".repeat(length - 1)}`;
const words = (count: number): string => JSON.stringify(Array.from({ length: count }, (_, i) => `w${i}`));
/** The last value that is taken, and the next, which is not, at either end of what a setting may be. */
const EDGES: readonly (readonly [string, ...(readonly [taken: string, refused: string])])[] = [
  ["resync", "100ms", "99ms"],
  ["resync", "24h", "24h1ms"],
  ["evidence.probe_interval", "1s", "999ms"],
  ["evidence.canary_interval", "168h", "168h1ms"],
  ["trust.threshold", "1", "0"],
  ["state_dir", path(4096), path(4097)],
  ["containerd.restart", words(64), words(65)],
  ["http.allowed_hosts", JSON.stringify(["a".repeat(253)]), JSON.stringify(["a".repeat(254)])],
  ["http.address", "127.0.0.1:65535", "127.0.0.1:65536"],
  ["evidence.witness_address", "127.0.0.1:1", "127.0.0.1:0"],
];

for (const [key, taken, refused] of EDGES) {
  test(`${key}: ${taken.slice(0, 20)} is taken, ${refused.slice(0, 20)} is not`, () => {
    accepted(parse(undefined, {}, [`${key}=${taken}`]));
    assert.match(rejected(parse(undefined, {}, [`${key}=${refused}`])).join(), new RegExp(key));
  });
}
