import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeHosts } from "../../../src/core/containerd/describe-hosts.ts";
import { CERTIFICATE, PRIVATE_KEY } from "./support/pem.ts";
import { asked, CERTS_D, certsD, resolve } from "./support/resolve.ts";
import { EVERY, MEASURED } from "./support/versions.ts";

const DIGEST = `sha256:${"0f".repeat(32)}`;

describe("request paths", () => {
  const cases: readonly (readonly [written: string, plain: string, overridden: string])[] = [
    ["", "/v2/img", "/img"],
    ["/", "/v2/img", "/img"],
    ["/foo", "/foo/v2/img", "/foo/img"],
    ["/foo/", "/foo/v2/img", "/foo/img"],
    ["//foo", "/foo/v2/img", "/foo/img"],
    ["/v2", "/v2/img", "/v2/img"],
    ["/v2/", "/v2/img", "/v2/img"],
    ["/foo/v2", "/foo/v2/img", "/foo/v2/img"],
    ["/v2/foo", "/v2/foo/v2/img", "/v2/foo/img"],
    ["/foov2", "/foov2/v2/img", "/foov2/img"],
    ["/a%2Fb", "/a/b/v2/img", "/a/b/img"],
    ["?x=1", "/v2/img", "/img"],
  ];
  for (const [written, plain, overridden] of cases)
    test(written === "" ? "none" : written, () => {
      for (const release of MEASURED)
        for (const [override, path] of [
          ["false", plain],
          ["true", overridden],
        ]) {
          const file = `[host."http://m:5000${written}"]\noverride_path = ${override}\n`;
          const [mirror] = resolve("gcr.io/img:1.0", release, { "gcr.io/hosts.toml": file }).hosts;
          assert.deepEqual(mirror?.resolve, {
            method: "HEAD",
            url: `http://m:5000${path}/manifests/1.0?ns=gcr.io`,
          });
        }
    });

  test("by tag the digest is not known yet; by digest it is", () => {
    const [tag] = resolve("gcr.io/a/b:1.0", "2.1.9", {}).hosts;
    assert.equal(tag?.manifest.url, "https://gcr.io/v2/a/b/manifests/{digest}");
    assert.equal(tag?.blob.url, "https://gcr.io/v2/a/b/blobs/{digest}");
    const [digest] = resolve(`gcr.io/a/b@${DIGEST}`, "2.1.9", {}).hosts;
    assert.equal(digest?.resolve.url, `https://gcr.io/v2/a/b/manifests/${DIGEST}`);
    assert.equal(digest?.manifest.url, digest?.resolve.url);
  });

  test("ns is sent to every host but the registry itself, and the port counts", () => {
    const urls = (image: string, server: string): readonly string[] =>
      resolve(image, "2.1.9", { "_default/hosts.toml": `server = "${server}"\n[host]\n` }).hosts.map(
        ({ resolve: { url } }) => url,
      );
    assert.deepEqual(urls("gcr.io/a:1", "https://gcr.io"), ["https://gcr.io/v2/a/manifests/1"]);
    assert.deepEqual(urls("gcr.io/a:1", "https://gcr.io:443"), [
      "https://gcr.io:443/v2/a/manifests/1?ns=gcr.io",
    ]);
    assert.deepEqual(urls("nginx", "https://registry-1.docker.io"), [
      "https://registry-1.docker.io/v2/library/nginx/manifests/latest",
    ]);
    assert.deepEqual(urls("nginx", "https://docker.io"), [
      "https://docker.io/v2/library/nginx/manifests/latest",
    ]);
    assert.deepEqual(urls("127.0.0.1:5000/a:1", "http://m"), [
      "http://m/v2/a/manifests/1?ns=127.0.0.1%3A5000",
    ]);
  });
});

describe("who is asked", () => {
  const A = "http://a:5000";
  const hosts = (capabilities: string): Record<string, string> => ({
    "gcr.io/hosts.toml": `server = "http://u:5000"\n[host."${A}"]\ncapabilities = ${capabilities}\n`,
  });
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["gcr.io/i:1", "[]", [A, "http://u:5000"]],
    ["gcr.io/i:1", '["pull"]', ["http://u:5000"]],
    ["gcr.io/i:1", '["resolve"]', ["http://u:5000"]],
    ["gcr.io/i:1", '["Pull", "RESOLVE"]', [A, "http://u:5000"]],
    [`gcr.io/i@${DIGEST}`, '["pull"]', [A, "http://u:5000"]],
    [`gcr.io/i@${DIGEST}`, '["push"]', ["http://u:5000"]],
  ];
  for (const [image, capabilities, expected] of cases)
    test(`${image.slice(0, 12)} with ${capabilities}: content is asked of everyone, in file order`, () => {
      for (const release of MEASURED) {
        const resolution = resolve(image, release, hosts(capabilities));
        assert.deepEqual(asked(resolution), expected, release);
        assert.deepEqual(
          resolution.hosts.map(({ entry }) => entry.written),
          [A, "http://u:5000"],
        );
        assert.equal(resolution.hosts[0]?.skipped === undefined, expected.includes(A));
      }
    });

  test("nobody with the capability: the pull fails", () => {
    const text = 'server = "http://u"\ncapabilities = ["pull"]\n[host]\n';
    const { outcome } = resolve("gcr.io/i:1", "2.1.9", { "gcr.io/hosts.toml": text });
    assert.deepEqual(outcome, { kind: "pull-fails", reason: "no resolve hosts: not found" });
  });

  test("without server the default upstream is last, with all capabilities, whatever the root says", () => {
    const text = `capabilities = ["push"]\nca = "ca.crt"\n[host."${A}"]\n`;
    for (const release of MEASURED) {
      const files = { "docker.io/hosts.toml": text, "docker.io/ca.crt": CERTIFICATE };
      const resolution = resolve("nginx", release, files);
      assert.deepEqual(asked(resolution), [A, "https://registry-1.docker.io"]);
      assert.deepEqual(resolution.hosts[1]?.entry.ca, [`${CERTS_D}/docker.io/ca.crt`]);
      assert.deepEqual(
        resolution.hosts.map(({ role }) => role),
        ["mirror", "upstream"],
      );
    }
  });

  test("a server that looks like http but has no host re-opens the upstream", () => {
    const text = 'server = "http-mirror.local:5000"\n[host]\n';
    for (const release of MEASURED)
      assert.deepEqual(asked(resolve("gcr.io/i:1", release, { "gcr.io/hosts.toml": text })), [
        "https://gcr.io",
      ]);
  });

  test("a host entry without a host is told to be useless", () => {
    const text = '[host."http-mirror.local:5000"]\n';
    const [first] = resolve("gcr.io/i:1", "2.1.9", { "gcr.io/hosts.toml": text }).hosts;
    assert.match(first?.skipped ?? "", /has no host/);
  });

  test("the witness is neither mirror nor upstream", () => {
    const text = `[host."${A}"]\n[host."https://127.0.0.1:9443/witness"]\noverride_path = true\n`;
    const { hosts: all } = resolve("gcr.io/i:1", "2.1.9", { "gcr.io/hosts.toml": text });
    assert.deepEqual(
      all.map(({ role }) => role),
      ["mirror", "witness", "upstream"],
    );
  });

  test("with the upstream closed, headers stay with their own host", () => {
    const text = `server = "http://u:5000"\n[header]\nx = "root"\n[host."${A}".header]\nx = "own"\n`;
    const { hosts: all } = resolve("gcr.io/i:1", "2.1.9", { "gcr.io/hosts.toml": text });
    assert.deepEqual(
      all.map(({ entry }) => entry.header?.[0]?.values),
      [["own"], ["root"]],
    );
    assert.equal(
      all.some(({ role }) => role === "upstream"),
      false,
    );
  });
});

describe("the default upstream's scheme", () => {
  const heads = ["1.6.39", "1.7.34", "2.1.9", "2.4.0-beta.0"];
  const cases: readonly (readonly [host: string, scheme: string, httpsFirst: boolean])[] = [
    ["docker.io", "https", false],
    ["localhost:8080", "http", true],
    ["localhost:5000", "http", true],
    ["127.0.0.254:5000", "http", true],
    ["localhost:80", "http", false],
    ["localhost:443", "https", false],
    ["localhost", "https", false],
    ["127.0.0.254", "https", false],
    ["example.com", "https", false],
    ["example.com:5000", "https", false],
  ];
  for (const [host, scheme, httpsFirst] of cases)
    test(host, () => {
      for (const release of heads) {
        const entry = resolve(`${host}/a:1`, release, {}).hosts[0]?.entry;
        assert.deepEqual([entry?.scheme, entry?.httpsFirst], [scheme, httpsFirst], release);
      }
    });

  test("IPv6 loopback", () => {
    const entry = resolve("[::1]:5000/a:1", "2.1.9", {}).hosts[0]?.entry;
    assert.deepEqual([entry?.scheme, entry?.httpsFirst], ["http", true]);
  });

  test("on older releases a loopback registry is plain http, or nothing special at all", () => {
    const at = (release: string) => {
      const entry = resolve("localhost:5000/a:1", release, {}).hosts[0]?.entry;
      return [entry?.scheme, entry?.httpsFirst];
    };
    assert.deepEqual(at("1.6.0"), ["https", false]);
    assert.deepEqual(at("1.6.20"), ["http", false]);
    assert.deepEqual(at("1.7.0"), ["http", false]);
    assert.deepEqual(at("1.7.7"), ["http", true]);
  });
});

describe("https first on an http host with TLS keys", () => {
  const first = (release: string, host: string, key: string): boolean | undefined => {
    const text = `[host."http://${host}"]\n${key}\n`;
    return resolve("gcr.io/a:1", release, { "gcr.io/hosts.toml": text }).hosts[0]?.entry.httpsFirst;
  };
  const since = (host: string): readonly string[] =>
    EVERY.filter((release) => first(release, host, "skip_verify = false"));

  test("by release and port", () => {
    const modern = ["1.7.24", "1.7.31", "1.7.34", "2.0.0", "2.0.11", "2.1.9", "2.2.0", "2.2.7", "2.3.4"];
    const all = [...modern, "2.4.0-beta.0"];
    assert.deepEqual(since("m:5000"), ["1.6.25", "1.6.39", "1.7.7", "1.7.8", ...all]);
    assert.deepEqual(since("m"), ["1.7.7", ...all]);
    assert.deepEqual(since("m:80"), ["1.7.7"]);
  });

  test("an empty ca list counts, an empty client list does not", () => {
    assert.equal(first("2.1.9", "m:5000", "ca = []"), true);
    assert.equal(first("2.1.9", "m:5000", "client = []"), false);
    assert.equal(first("2.1.9", "m:5000", ""), false);
  });
});

describe("states of the file", () => {
  const upstream = ["https://gcr.io"];

  test("absent, empty and dropped: Docker's layout for the default upstream", () => {
    const certs = {
      "gcr.io/ca.crt": CERTIFICATE,
      "gcr.io/client.cert": CERTIFICATE,
      "gcr.io/client.key": PRIVATE_KEY,
      "gcr.io/whole.cert": CERTIFICATE + PRIVATE_KEY,
    };
    for (const hosts of [{}, { "gcr.io/hosts.toml": "" }, { "gcr.io/hosts.toml": "[" }]) {
      const resolution = resolve("gcr.io/a:1", "2.1.9", { ...certs, ...hosts });
      assert.equal(resolution.source, "docker-certs");
      assert.equal(resolution.dropped !== undefined, hosts["gcr.io/hosts.toml"] === "[");
      assert.deepEqual(asked(resolution), upstream);
      assert.deepEqual(resolution.hosts[0]?.entry.ca, [`${CERTS_D}/gcr.io/ca.crt`]);
      assert.deepEqual(resolution.hosts[0]?.entry.client, [
        [`${CERTS_D}/gcr.io/client.cert`, `${CERTS_D}/gcr.io/client.key`],
        [`${CERTS_D}/gcr.io/whole.cert`, ""],
      ]);
    }
  });

  test("hosts.toml is a directory, or the host directory is a file: the pull fails", () => {
    const inside = resolve("gcr.io/a:1", "2.1.9", { "gcr.io/hosts.toml/": "" });
    assert.deepEqual(inside.outcome, {
      kind: "pull-fails",
      reason: `read ${CERTS_D}/gcr.io/hosts.toml: is a directory`,
    });
    const plain = resolve("gcr.io/a:1", "2.1.9", { "gcr.io": "" });
    assert.equal(plain.outcome.kind, "pull-fails");
  });

  test("a bad file of any host fails the pull, also of one that comes last", () => {
    const reason = (keys: string): string => {
      const text = `[host."https://a"]\n[host."https://b"]\n${keys}\n`;
      const files = { "gcr.io/hosts.toml": text, "gcr.io/key.pem": PRIVATE_KEY, "gcr.io/c.pem": CERTIFICATE };
      const { outcome } = resolve("gcr.io/a:1", "1.7.24", files);
      return outcome.kind === "pull-fails" ? outcome.reason : "";
    };
    const directory = `${CERTS_D}/gcr.io`;
    assert.equal(
      reason('ca = "nope"'),
      `unable to read CA cert "${directory}/nope": open ${directory}/nope: no such file or directory`,
    );
    assert.equal(
      reason('ca = ""'),
      `unable to read CA cert "${directory}": read ${directory}: is a directory`,
    );
    assert.equal(reason('ca = ["c.pem", "key.pem"]'), `unable to load CA cert "${directory}/key.pem"`);
    assert.match(reason('client = ["c.pem"]'), /found a certificate rather than a key/);
    assert.match(reason('client = [["c.pem", "nope"]]'), /unable to read CERT file ".*nope"/);
    assert.equal(reason('client = [["c.pem", "key.pem"]]'), "");
  });

  test("nothing below config_path: the default upstream, and every path tried is told", () => {
    const resolution = resolve("gcr.io/a:1", "2.1.9", {});
    assert.equal(resolution.source, "default-upstream");
    assert.deepEqual(
      resolution.candidates.map(({ path }) => path),
      [`${CERTS_D}/gcr.io`, `${CERTS_D}/_default`],
    );
    assert.deepEqual(asked(resolution), upstream);
  });

  test("CRI does not load: every pull fails", () => {
    const at = { file: "/etc/containerd/config.toml", line: 3, column: 1 };
    const config = {
      ...certsD(),
      criLoads: { ok: false, kind: "disabled", reason: "invalid plugin config", at },
    } as const;
    const resolution = resolve("gcr.io/a:1", "2.1.9", {}, config);
    assert.deepEqual(resolution.outcome, { kind: "pull-fails", reason: "invalid plugin config" });
    assert.deepEqual(describeHosts(resolution), ["pull fails: invalid plugin config"]);
  });

  test("1.6 cannot pull from an IPv6 address", () => {
    assert.equal(resolve("[::1]:5000/a:1", "1.6.20", {}).outcome.kind, "pull-fails");
  });
});

test("describeHosts tells hosts apart by what matters and keeps header values to itself", () => {
  const text = `server = "https://gcr.io"\n[host."https://m/v2/ns"]\ncapabilities = ["resolve", "pull"]
override_path = true\nskip_verify = true\nca = "ca.crt"\ndial_timeout = "1s"
[host."https://m/v2/ns".header]\nauthorization = "Basic c2VjcmV0"\n`;
  const files = { "gcr.io/hosts.toml": text, "gcr.io/ca.crt": CERTIFICATE };
  assert.deepEqual(describeHosts(resolve("gcr.io/a:1", "2.1.9", files)), [
    `mirror https://m/v2/ns pull+resolve ca=${CERTS_D}/gcr.io/ca.crt skip-verify=true header=authorization dial=1000ms`,
    "upstream https://gcr.io/v2 pull+push+resolve",
  ]);
});
