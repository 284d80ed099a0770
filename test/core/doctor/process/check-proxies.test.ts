import assert from "node:assert/strict";
import { test } from "node:test";
import { codes, findings, GCR, goodFiles, hosts } from "./running-node.ts";

const PROXY = "http://user:secret@proxy.corp.example:3128";

const inside = [
  "https://10.1.2.3:5000",
  "https://mirror:5000",
  "https://mirror.kube-system.svc:5000",
  "https://mirror.corp.example:5000",
];
for (const mirror of inside) {
  test(`mirror-through-proxy: ${mirror}, unless NO_PROXY has it`, async () => {
    const files = goodFiles("2.1.9", mirror);
    const [found] = await findings("2.1.9", { environment: { HTTPS_PROXY: PROXY } }, files);
    assert.equal(found?.code, "mirror-through-proxy");
    assert.deepEqual(found?.where, { kind: "file", at: { file: GCR, line: 1, column: 1 } });
    assert.match(found?.fact ?? "", /http:\/\/proxy\.corp\.example:3128/);
    assert.doesNotMatch(JSON.stringify(found), /secret/);
    const environment = { HTTPS_PROXY: PROXY, NO_PROXY: new URL(mirror).hostname };
    assert.deepEqual(await codes("2.1.9", { environment }, files), []);
  });
}

test("mirror-through-proxy: not for loopback, another scheme, or a host that a proxy is for", async () => {
  const environment = { HTTPS_PROXY: PROXY };
  for (const mirror of [
    "https://127.0.0.1:5000",
    "http://10.1.2.3:5000",
    "https://mirror.gcr.io",
    "https://8.8.8.8",
  ])
    assert.deepEqual(await codes("2.1.9", { environment }, goodFiles("2.1.9", mirror)), [], mirror);
});

test("mirror-through-proxy: names what of NO_PROXY Go does not understand", async () => {
  const environment = { HTTPS_PROXY: PROXY, NO_PROXY: "10.*,localhost,*.svc" };
  const [found] = await findings("2.1.9", { environment }, goodFiles("2.1.9", "https://10.1.2.3:5000"));
  assert.match(found?.fact ?? "", /of NO_PROXY, 10\.\* means nothing to Go/);
});

test("proxy-ignored: a value that is no URL", async () => {
  assert.deepEqual(await codes("2.1.9", { environment: { HTTPS_PROXY: "http://" } }), ["proxy-ignored"]);
  assert.deepEqual(await codes("2.1.9", { environment: { HTTPS_PROXY: "proxy.example:3128" } }), []);
});

test("proxy-variables-differ: a warning where a mirror is reached otherwise by it", async () => {
  const environment = {
    NO_PROXY: "localhost",
    no_proxy: "mirror.example",
    HTTPS_PROXY: "http://other.test:1",
  };
  const [found] = await findings("2.1.9", { environment });
  assert.deepEqual([found?.code, found?.severity], ["proxy-variables-differ", "warning"]);
  assert.match(
    found?.consequence ?? "",
    /https:\/\/mirror\.example:5000 is asked through http:\/\/other\.test:1/,
  );
  const [mild] = await findings("2.1.9", {
    environment: { HTTP_PROXY: "http://a:1", http_proxy: "http://b:1" },
  });
  assert.equal(mild?.severity, "info");
  const same = { NO_PROXY: "a, b", no_proxy: "b,a", HTTPS_PROXY: "http://p:1", https_proxy: "p:1/" };
  assert.deepEqual(await codes("2.1.9", { environment: same }), []);
});

test("ca-variable-dangling: an error where nothing is left to trust", async () => {
  const missing = [{ variable: "SSL_CERT_FILE", path: "/nope.pem" }];
  const [found] = await findings("2.1.9", { trust: { missing, hasRoots: true } });
  assert.deepEqual([found?.code, found?.severity], ["ca-variable-dangling", "warning"]);
  const [bad] = await findings("2.1.9", { trust: { missing, hasRoots: false } });
  assert.equal(bad?.severity, "error");
});

test("ca-newer-than-daemon: where a mirror could need it", async () => {
  const anchor = (ms: number) => ({
    trust: {
      missing: [],
      hasRoots: true,
      newestAnchor: {
        path: "/usr/local/share/ca-certificates/corp.crt",
        changedMs: Date.UTC(2026, 10, 20, 8) + ms,
      },
    },
  });
  assert.deepEqual(await codes("2.1.9", anchor(60_000)), ["ca-newer-than-daemon"]);
  assert.deepEqual(await codes("2.1.9", anchor(-60_000)), []);
  assert.deepEqual(
    await codes("2.1.9", anchor(60_000), goodFiles("2.1.9", "http://mirror.example:5000")),
    [],
  );
  const unverified = hosts("https://mirror.example:5000", "  skip_verify = true\n");
  assert.deepEqual(await codes("2.1.9", anchor(60_000), { ...goodFiles("2.1.9"), [GCR]: unverified }), []);
});
