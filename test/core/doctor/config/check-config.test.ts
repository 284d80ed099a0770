import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTS_D, CONFIG, codesOf, findingsOf, goodConfig } from "../../../support/doctored-node.ts";

test("config-path-list: a list where the transfer service pulls, and nowhere else", async () => {
  const files = (release: string) => ({ [CONFIG]: goodConfig(release, `${CERTS_D}:/etc/docker/certs.d`) });
  for (const release of ["2.1.9", "2.2.7", "2.3.4"]) {
    const [found] = await findingsOf(files(release), release);
    assert.equal(found?.code, "config-path-list", release);
    assert.deepEqual(found?.where, { kind: "file", at: { file: CONFIG, line: 3, column: 3 } });
  }
  for (const release of ["1.6.20", "1.7.24"]) assert.deepEqual(await codesOf(files(release), release), []);
  assert.deepEqual(await codesOf({ [CONFIG]: goodConfig("2.1.9") }, "2.1.9"), []);
});
