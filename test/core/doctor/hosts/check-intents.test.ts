import assert from "node:assert/strict";
import { test } from "node:test";
import { checkIntents } from "../../../../src/core/doctor/hosts/check-intents.ts";
import { createHostsContext } from "../../../../src/core/doctor/hosts/hosts-context.ts";
import { atOnce } from "../../../../src/core/gradual.ts";
import {
  CERTS_D,
  CONFIG,
  codesOf,
  findingsOf,
  goodConfig,
  RELEASES,
  viewOf,
} from "../../../support/doctored-node.ts";

test("mirror-not-used: a mirror under a name that no image is looked up by, where no other finding says so", async () => {
  const legacy = (namespace: string) => ({
    [CONFIG]: `version = 2
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."${namespace}"]
  endpoint = ["https://mirror.corp"]
`,
  });
  for (const release of ["1.6.20", "1.7.24", "2.1.9"]) {
    const view = await viewOf(legacy("registry-1.docker.io"), release);
    const [found, ...more] = checkIntents(atOnce(createHostsContext(view)), []);
    assert.deepEqual(more, [], release);
    assert.equal(found?.code, "mirror-not-used", release);
    assert.equal(found?.severity, "error");
    assert.match(found?.fact ?? "", /https:\/\/mirror\.corp is named for docker\.io and is never asked/);
    assert.match(
      found?.consequence ?? "",
      /^every pull of docker\.io goes straight to https:\/\/registry-1\.docker\.io/,
    );
    const codes = await codesOf(legacy("registry-1.docker.io"), release);
    assert.ok(codes.includes("legacy-namespace") && !codes.includes("mirror-not-used"), release);
    const right = await viewOf(legacy("docker.io"), release);
    assert.deepEqual(checkIntents(atOnce(createHostsContext(right)), []), [], release);
  }
});

test("a tree on which all is right has no finding", async () => {
  for (const release of RELEASES) {
    const files = {
      [CONFIG]: goodConfig(release),
      [`${CERTS_D}/docker.io/hosts.toml`]: `server = "https://registry-1.docker.io"

[host."https://mirror.corp/v2/hub"]
  capabilities = ["pull", "resolve"]
  override_path = true

[host."http://10.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
`,
      // As mirrorlet closes the registry itself: the last host is its own witness.
      [`${CERTS_D}/closed.corp/hosts.toml`]: `server = "https://127.0.0.1:478/witness"
capabilities = ["pull", "resolve"]
override_path = true

[host."https://mirror.corp/v2/closed"]
  capabilities = ["pull", "resolve"]
  override_path = true
`,
      [`${CERTS_D}/registry.corp_5000_/hosts.toml`]: `server = "https://mirror.corp"
[host."https://mirror.corp"]
`,
    };
    assert.deepEqual(await findingsOf(files, release), [], release);
  }
});
