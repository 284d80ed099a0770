import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createLoginFinder, loginFiles } from "../../../src/bundle/registry/find-login.ts";
import {
  certificateDirectories,
  readText,
  readTlsFiles,
} from "../../../src/bundle/registry/read-tls-files.ts";
import { runCredentialHelper } from "../../../src/bundle/registry/run-credential-helper.ts";

let folder: string;
const path = process.env["PATH"];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrorlet-logins-"));
  const helper = (name: string, script: string) =>
    writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}`);
  await helper(
    "lab",
    'read -r server\nprintf \'{"ServerURL":"%s","Username":"<token>","Secret":"of %s"}\' "$server" "$server"',
  );
  await helper("empty", "echo credentials not found in native keychain; exit 1");
  await helper("broken", "echo no bus; exit 1");
  for (const name of ["lab", "empty", "broken"])
    await chmod(join(folder, `docker-credential-${name}`), 0o755);
  process.env["PATH"] = `${folder}:${path}`;
});

after(async () => {
  process.env["PATH"] = path;
  await rm(folder, { recursive: true });
});

test("helpers are run as docker runs them", async () => {
  assert.deepEqual(await runCredentialHelper("lab", "reg.example:5000"), {
    ok: true,
    login: { kind: "identity-token", token: "of reg.example:5000" },
  });
  assert.deepEqual(await runCredentialHelper("empty", "reg.example"), { ok: true, login: undefined });
  const broken = await runCredentialHelper("broken", "reg.example");
  assert.match(
    broken.ok ? "" : broken.message,
    /docker-credential-broken, asked for the login of reg.example, failed: no bus/,
  );
  const missing = await runCredentialHelper("nowhere", "reg.example");
  assert.match(missing.ok ? "" : missing.message, /docker-credential-nowhere, .* is not installed/);
});

test("files are asked in turn, and a helper once", async () => {
  const config = async (name: string, content: object): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(content));
    return file;
  };
  const auth = Buffer.from("u:p").toString("base64");
  const first = await config("first.json", { credHelpers: { "reg.example": "lab" } });
  const second = await config("second.json", {
    auths: { "reg.example": { auth }, "other.example": { auth } },
  });
  let runs = 0;
  const run = async () => {
    runs++;
    return { ok: true, login: undefined } as const;
  };
  const find = createLoginFinder({ files: [first, second], run }, "reg.example");
  for (const repository of ["a", "b"])
    assert.deepEqual(await find(repository), { kind: "login", username: "u", password: "p" });
  assert.equal(runs, 1);
  assert.equal(await createLoginFinder({ files: [first, second], run }, "third.example")("a"), undefined);
});

test("where docker and podman keep logins", async () => {
  const home = join(folder, "home");
  await mkdir(join(home, ".docker"), { recursive: true });
  await mkdir(join(home, "run/containers"), { recursive: true });
  for (const file of [".docker/config.json", "run/containers/auth.json"])
    await writeFile(join(home, file), "{}");
  const environment = { HOME: home, XDG_RUNTIME_DIR: join(home, "run") };
  assert.deepEqual(loginFiles(undefined, environment), [
    join(home, ".docker/config.json"),
    join(home, "run/containers/auth.json"),
  ]);
  assert.deepEqual(loginFiles(join(home, ".docker"), environment), [join(home, ".docker/config.json")]);
});

test("certificates in Docker's layout, below a root", async () => {
  const root = join(folder, "root");
  const directory = join(root, "etc/docker/certs.d/reg.example:5000");
  await mkdir(directory, { recursive: true });
  for (const name of ["ca.crt", "client.cert", "client.key"])
    await writeFile(join(directory, name), `<${name}>`);
  await writeFile(join(folder, "own.crt"), "<own>");
  assert.deepEqual(
    readTlsFiles({
      cas: [readText(join(folder, "own.crt"))],
      directories: certificateDirectories("reg.example:5000", root),
      skipVerify: false,
    }),
    {
      skipVerify: false,
      ca: "<own>\n<ca.crt>",
      clients: [{ certificate: "<client.cert>", key: "<client.key>" }],
    },
  );
  assert.throws(() => readText(join(folder, "none")), /ENOENT/);
});
