import assert from "node:assert/strict";
import { test } from "node:test";
import { fateOf } from "../../../../../src/core/doctor/fate.ts";
import { judgeApi } from "../../../../../src/core/doctor/pulls/probe/judge-api.ts";
import type { ProbeAnswer } from "../../../../../src/core/evidence/probe-answer.ts";
import { CERTS_D, CONFIG, goodConfig, viewOf } from "../../../../support/doctored-node.ts";

/** What pulls of Docker Hub come to when the mirror refuses connections. */
async function consequenceOf(server: string): Promise<string | undefined> {
  const hosts = `${server}[host."http://mirror.corp:5000"]\n  capabilities = ["pull", "resolve"]\n`;
  const files = { [CONFIG]: goodConfig("2.1.9"), [`${CERTS_D}/docker.io/hosts.toml`]: hosts };
  const asked = fateOf("docker.io", await viewOf(files, "2.1.9")).byTag?.hosts ?? [];
  const [mirror] = asked;
  assert.ok(mirror);
  const failure = {
    phase: "connect",
    code: "refused",
    cause: "no connection",
    fix: "start it",
    message: "",
    scope: "host",
  } as const;
  const answer: ProbeAnswer = { message: "", exchange: { hops: [], tokens: [], tries: 1 }, failure };
  const [trouble] = judgeApi({ namespace: "docker.io", hosts: asked }, new Map([[mirror, answer]]));
  return trouble?.consequence;
}

test("what lies behind a dead mirror: the upstream if it can be reached, a website, nobody", async () => {
  assert.match(
    (await consequenceOf("")) ?? "",
    /next host, registry-1\.docker\.io: they come from the upstream where this node reaches it/,
  );
  assert.match(
    (await consequenceOf('server = "https://docker.io"\n')) ?? "",
    /next host, docker\.io, a website: they fail$/,
  );
  assert.match(
    (await consequenceOf('server = "http://mirror.corp:5000"\n')) ?? "",
    /^containerd asks the next host, mirror\.corp:5000$/,
  );
});
