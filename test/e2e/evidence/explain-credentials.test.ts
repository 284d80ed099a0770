import assert from "node:assert/strict";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { after, before } from "node:test";
import { forEachGeneration, type LabContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type LabServer, startServer } from "../../support/lab-server.ts";
import { pushImage } from "../../support/push-image.ts";
import { type RecordedRequest, recordRequest } from "../../support/recorded-request.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";
import {
  byContainerd,
  clearRequests,
  comparable,
  type ExplainSite,
  only,
  runExplain,
  startExplainSite,
  writeHosts,
} from "./explain-site.ts";

const credential = { username: "puller", password: "pa:ss wörd" };
let site: ExplainSite;
let basic: LabRegistry;
let token: LabRegistry;

before(async () => {
  if (labSkipReason() !== undefined) return;
  site = await startExplainSite();
  basic = await startRegistry({ auth: { kind: "basic", ...credential } });
  token = await startRegistry({ auth: { kind: "token", ...credential } });
});
after(async () => {
  await Promise.all([site?.stop(), basic?.stop(), token?.stop()]);
});

/** Credentials in config.toml, which take a restart, for as long as `body` runs. */
async function withCredentials(daemon: LabContainerd, hosts: readonly string[], body: () => Promise<void>) {
  const before = await readFile(daemon.configPath, "utf8");
  const plugin = daemon.generation === "2.1" ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri";
  for (const host of hosts)
    await appendFile(
      daemon.configPath,
      `[plugins."${plugin}".registry.configs."${host}".auth]\nusername = "${credential.username}"\npassword = "${credential.password}"\n`,
    );
  await daemon.restart();
  try {
    await body();
  } finally {
    await writeFile(daemon.configPath, before);
    await daemon.restart();
  }
}

/** Tokens differ from one to the next. */
const withoutTokens = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => line.replace(/Bearer \S+/, "Bearer …"));

forEachGeneration(
  "explain sends the credentials of config.toml where containerd sends them",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    await withCredentials(daemon, [basic.host, token.host], async () => {
      for (const registry of [basic, token])
        await context.test(registry === basic ? "Basic" : "token service", async () => {
          const repository = `team/cred-${generation}`;
          const image = await pushImage(registry, repository, "1");
          await writeHosts(daemon, `[host."${registry.url}"]\n`);
          registry.clearRequests();
          const explained = await runExplain(daemon, `gcr.io/${repository}:1`);
          const walked = withoutTokens(comparable(registry.requests(), image));
          registry.clearRequests();
          assert.equal((await daemon.pull(`gcr.io/${repository}:1`)).ok, true);
          assert.deepEqual([explained.code, explained.foreseen.from], [0, "mirror"], explained.text);
          assert.deepEqual(walked, withoutTokens(comparable(byContainerd(registry.requests()), image)));
          assert.doesNotMatch(explained.text, /pa:ss|cHVsbGVy|Bearer ey/);
        });
    });
  },
);

forEachGeneration("a static header, and credentials that are refused", async (generation, context) => {
  const daemon = await site.daemons.get(generation);
  const repository = `team/header-${generation}`;
  const image = await pushImage(basic, repository, "1");
  const header = (secret: string) =>
    `[host."${basic.url}"]\n[host."${basic.url}".header]\nauthorization = "Basic ${Buffer.from(secret).toString("base64")}"\n`;
  await context.test("accepted", async () => {
    await writeHosts(daemon, header(`${credential.username}:${credential.password}`));
    basic.clearRequests();
    const explained = await runExplain(daemon, `gcr.io/${repository}:1`);
    const walked = comparable(basic.requests(), image);
    basic.clearRequests();
    assert.equal((await daemon.pull(`gcr.io/${repository}:1`)).ok, true);
    assert.equal(explained.code, 0, explained.text);
    assert.deepEqual(walked, comparable(byContainerd(basic.requests()), image));
  });
  await context.test("refused", async () => {
    await writeHosts(daemon, header("puller:old"));
    basic.clearRequests();
    const explained = await runExplain(daemon, `gcr.io/${repository}:1`);
    const { probe } = only(explained.hosts);
    assert.equal(probe.code, "credentials-refused");
    assert.match(probe.cause ?? "", /refuses the authorization header that hosts\.toml gives it/);
    assert.doesNotMatch(explained.text, /cHVsbGVy|puller:old/);
  });
});

forEachGeneration(
  "redirects are followed with the headers that Go lets go on",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    for (const host of ["127.0.0.1", "localhost"])
      await context.test(`to ${host}`, async (test) => {
        const elsewhere = await startStore();
        test.after(() => elsewhere.server.close());
        const offered = site.offer();
        elsewhere.blobs = new Map(offered.image.blobs.map(({ digest, bytes }) => [digest, bytes]));
        const location = `${elsewhere.server.url.replace("127.0.0.1", host)}/cdn/DIGEST?signature=secret`;
        site.plain.script(
          ...offered.image.blobs.map(({ digest }) => ({
            path: new RegExp(digest),
            does: {
              kind: "status",
              status: 307,
              headers: { location: location.replace("DIGEST", digest) },
            } as const,
          })),
        );
        await writeHosts(
          daemon,
          `[host."${site.plain.url}"]\n[host."${site.plain.url}".header]\nauthorization = "Basic eDp5"\nx-key = "k"\n`,
        );
        clearRequests(site);
        const explained = await runExplain(daemon, offered.reference);
        const walked = shown(elsewhere.requests, offered.image.blobs[0]?.digest);
        elsewhere.requests.length = 0;
        assert.equal((await daemon.pull(offered.reference)).ok, true);
        assert.equal(explained.code, 0, explained.text);
        assert.deepEqual(walked, shown(elsewhere.requests, offered.image.blobs[0]?.digest));
        assert.doesNotMatch(explained.text, /signature=secret/);
        site.plain.script();
      });
  },
);

interface Store {
  readonly server: LabServer;
  readonly requests: RecordedRequest[];
  blobs: ReadonlyMap<string, Uint8Array>;
}

async function startStore(): Promise<Store> {
  const requests: RecordedRequest[] = [];
  const store: Omit<Store, "server"> = { requests, blobs: new Map() };
  const server = await startServer((request, response) => {
    const record = recordRequest(request);
    requests.push(record);
    response.end(store.blobs.get(record.path.replace("/cdn/", "")));
  }, undefined);
  return Object.assign(store, { server });
}

function shown(requests: readonly RecordedRequest[], digest = ""): readonly unknown[] {
  return requests
    .filter(({ path }) => path.endsWith(digest))
    .map(({ method, path, authorization, headers }) => [method, path, authorization, headers["x-key"]]);
}
