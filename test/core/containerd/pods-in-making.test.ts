import assert from "node:assert/strict";
import { test } from "node:test";
import { podsInMaking } from "../../../src/core/containerd/pods-in-making.ts";

const info = (message: string): string =>
  `time="2026-11-27T19:55:11.794896073Z" level=info msg="${message.replaceAll('"', '\\"')}"`;
const failed = (message: string): string =>
  `time="2026-11-27T19:55:12.794896073Z" level=error msg="${message.replaceAll('"', '\\"')}" error="rpc error: code = Unknown desc = failed to get network \\"x\\""`;

const WEB = "&PodSandboxMetadata{Name:web-1,Uid:0b7e,Namespace:default,Attempt:0,}";
const DNS = "&PodSandboxMetadata{Name:coredns,Uid:77aa,Namespace:kube-system,Attempt:1,}";
const APP = "&ContainerMetadata{Name:app,Attempt:0,}";
const ID = "b9d0ec1cf6a2b4b1a3";

test("a sandbox is in the making from its call to its answer, of 1.6 and of later ones", () => {
  for (const verb of ["RunPodsandbox", "RunPodSandbox"]) {
    const calls = [info(`${verb} for ${WEB}`), info(`${verb} for ${DNS}`)];
    assert.deepEqual(podsInMaking(calls), ["default/web-1", "kube-system/coredns"]);
    const returned = info(`RunPodSandbox for ${WEB} returns sandbox id "${ID}"`);
    assert.deepEqual(podsInMaking([...calls, returned]), ["kube-system/coredns"]);
    const not = failed(`RunPodSandbox for ${DNS} failed, error`);
    assert.deepEqual(podsInMaking([...calls, returned, not]), []);
    assert.deepEqual(podsInMaking([returned, ...calls]), ["default/web-1", "kube-system/coredns"]);
  }
});

test("containers, too, between their creation and their start", () => {
  const create = info(`CreateContainer within sandbox "${ID}" for container ${APP}`);
  const other = info(`CreateContainer within sandbox "c0ffee" for container ${APP}`);
  assert.deepEqual(podsInMaking([create, other]), ["app"]);
  const created = info(`CreateContainer within sandbox "${ID}" for ${APP} returns container id "${ID}7"`);
  assert.deepEqual(podsInMaking([create, created]), []);
  assert.deepEqual(podsInMaking([create, other, created]), ["app"], "that of another pod");
  assert.deepEqual(
    podsInMaking([create, failed(`CreateContainer within sandbox "${ID}" for ${APP} failed`)]),
    [],
  );
  const start = info(`StartContainer for "${ID}"`);
  assert.deepEqual(podsInMaking([start]), [ID.slice(0, 12)]);
  assert.deepEqual(podsInMaking([start, info(`StartContainer for "${ID}" returns successfully`)]), []);
});

test("of 2.2, whose metadata are written otherwise", () => {
  const pod = 'name:"web-1"  uid:"0b7e"  namespace:"default"';
  const run = info(`RunPodSandbox for ${pod}`);
  assert.deepEqual(podsInMaking([run]), ["default/web-1"]);
  assert.deepEqual(
    podsInMaking([run, info(`RunPodSandbox for ${pod} returns sandbox id "${ID}"`)]),
    [],
    "it is there",
  );
  assert.deepEqual(podsInMaking([run, failed(`RunPodSandbox for ${pod} failed, error`)]), []);
  const create = info(`CreateContainer within sandbox "${ID}" for container name:"app"`);
  assert.deepEqual(podsInMaking([create]), ["app"]);
  const created = `CreateContainer within sandbox "${ID}" for name:"app" returns container id "${ID}7"`;
  assert.deepEqual(podsInMaking([create, info(created)]), []);
});

test("as JSON; an earlier daemon's are over; other lines say nothing", () => {
  const call = JSON.stringify({ level: "info", msg: `RunPodSandbox for ${WEB}`, time: "now" });
  assert.deepEqual(podsInMaking([call]), ["default/web-1"]);
  assert.deepEqual(podsInMaking([call, info("starting containerd")]), []);
  const others = ["", "panic: RunPodSandbox for", info(`StopPodSandbox for "${ID}"`), info(`PullImage "a"`)];
  assert.deepEqual(podsInMaking(others), []);
});
