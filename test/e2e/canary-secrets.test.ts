import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startContainerd } from "../support/containerd.ts";
import { findFreePort } from "../support/free-port.ts";
import { buildImage } from "../support/image.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import { createCa } from "../support/tls.ts";
import type { LabAgent } from "./support/lab-agent.ts";
import { prepareNode } from "./support/lab-node.ts";
import { mirrorletEnvironment, mirrorletProgram, runMirrorlet } from "./support/mirrorlet.ts";

/** Every secret begins with letters that no encoding changes; what comes after makes the encodings differ. */
const planted: string[] = [];
function secret(name: string, rest = `"&\\ö`): string {
  const stem = `cnry${name}x9q`;
  planted.push(stem);
  return `${stem}${rest}`;
}

/** A desired state, or agent.toml, that is wrong in the neighbourhood of a secret. */
const badStates: Readonly<Record<string, string>> = {
  "a password in the document": one(`pullCredential: {username: a, password: ${secret("BadA", "")}}`),
  "a password for a path": one(`pullCredential: {username: a, passwordFile: ${secret("BadB", "")}}`),
  "user info": one("", `https://u:${secret("BadC", "")}@m.example`),
  "a query": one("", `https://m.example/?token=${secret("BadD", "")}`),
  "a docker config in place of its path": one(`pullCredentialConfigPath: ${secret("BadE", "")}`),
  "a list of passwords": k3s(`{username: a, password: [${secret("BadF", "")}]}`),
  "a mapping for a password": secretDocument(`stringData: {password: {a: ${secret("BadG", "")}}}`),
  "no base64": secretDocument(`data: {password: "${secret("BadH", " no!")}"}`),
  "an open quote": k3s(`{username: a, password: "${secret("BadI", "")}`),
  "a key twice": k3s(`{username: a, password: b, password: ${secret("BadJ", "")}}`),
  "a tag": k3s(`{username: a, password: !!js/function ${secret("BadK", "")}}`),
  "an alias": k3s(`{username: a, password: *${secret("BadL", "")}}`),
  "no PEM": one(`caCert: ${secret("BadM", "")}`),
  "text for a mapping": k3s(secret("BadN", "")),
  "unknown keys": k3s(`{identity_token: ${secret("BadO", "")}, secret: ${secret("BadP", "")}}`),
  "a control character": k3s(`{username: a, password: "${secret("BadQ", "")}\\r\\nX-Evil: 1"}`),
  "two values on a line": k3s(`{username: a, password: ${secret("BadR", "")}: x}`),
  "a user with a password": k3s(`{username: "a:${secret("BadS", "")}", password: b}`),
};
const badConfigs: Readonly<Record<string, string>> = {
  "a secret for a path": `pull_secret = "${secret("TomlA", "")}"\n`,
  "an unknown key": `password = "${secret("TomlB", "")}"\n`,
  "an open quote": `password = "${secret("TomlC", "")}\n`,
  "a feed's key": `[feed]\nkey = "${secret("TomlD", "")}"\n`,
  "a list": `pull_secret = ["${secret("TomlE", "")}"]\n`,
};

function one(entry: string, endpoint = "https://m.example"): string {
  return `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors:\n  - {endpoint: "${endpoint}", hosts: [gcr.io], ${entry}}\n`;
}
function k3s(auth: string): string {
  return `mirrors: {gcr.io: {endpoint: ["https://m.example"]}}\nconfigs:\n  m.example:\n    auth: ${auth}\n`;
}
function secretDocument(data: string): string {
  return `${one("")}---\nkind: Secret\nmetadata: {name: login}\n${data}\n`;
}

test("no secret is told anywhere, whatever is asked and whatever goes wrong", {
  skip: labSkipReason(),
  timeout: 120_000,
}, async (t) => {
  const passwords = {
    docker: secret("Docker"),
    file: secret("File"),
    inline: secret("Inline"),
    proxy: secret("Proxy", ""),
    variable: secret("Variable"),
  };
  const ca = await createCa();
  const client = await ca.issueServer();
  const keyLine = client.key.split("\n")[2] ?? "";
  assert.match(keyLine, /^[A-Za-z0-9+/]{40,}$/);
  const [plain, second, third] = [
    await startScriptedRegistry(),
    await startScriptedRegistry({ tls: await ca.issueServer() }),
    await startScriptedRegistry({ tls: await ca.issueServer() }),
  ];
  t.after(() => Promise.all([plain, second, third].map((registry) => registry.stop())));
  const image = buildImage();
  plain.put("cn/a", "1.0", image);
  second.put("cn/b", "1.0", image);
  const echoed = `Basic ${Buffer.from(`ann:${passwords.docker}`).toString("base64")}`;
  plain.script(
    {
      path: /^\/v2\/$/,
      does: {
        kind: "status",
        status: 401,
        headers: {
          "www-authenticate": `Bearer realm="http://${secret("RealmUser", "")}:${secret("RealmWord", "")}@127.0.0.1:1/token?key=${secret("RealmQuery", "")}",service="s"`,
        },
        body: `password=${secret("Body", "")}; you sent ${echoed}`,
      },
    },
    {
      path: /blobs/,
      does: {
        kind: "status",
        status: 307,
        headers: {
          location: `http://u:${secret("Redirect", "")}@127.0.0.1:1/b?X-Amz-Signature=${secret("Signature", "")}`,
        },
      },
    },
  );
  second.script({
    path: /^\/v2\/$/,
    does: {
      kind: "status",
      status: 500,
      body: `{"errors":[{"code":"X","message":"token: ${secret("Error", "")}, user ann:${passwords.file}"}]}`,
    },
  });

  const daemon = await startContainerd({
    generation: "1.7",
    environment: { HTTPS_PROXY: `http://puser:${passwords.proxy}@127.0.0.1:1`, NO_PROXY: "127.0.0.1" },
  });
  t.after(() => daemon.stop());
  const node = await prepareNode(daemon, {
    settings: { credentials: '"header"', "log.level": '"debug"' },
    tracesPort: await findFreePort(),
  });
  await node.put("ca.crt", ca.cert);
  await node.put("client.crt", client.cert);
  await node.put("client.key", client.key);
  await node.put("password", `${passwords.file}\n`);
  const auth = Buffer.from(`ann:${passwords.docker}`).toString("base64");
  const identity = secret("Identity", "");
  const auths = { [plain.host]: { auth }, "other.example": { identitytoken: identity } };
  await node.put("config.json", JSON.stringify({ auths }));
  await node.put("token.json", JSON.stringify({ auths: { "m.example": { identitytoken: identity } } }));
  await node.put("broken.json", `{"auths": {"m.example": {"auth": "${secret("Broken", "")}" "}}}`);
  await node.put("raw.json", JSON.stringify({ auths: { "m.example": { auth: secret("Raw") } } }));

  const entries = [
    {
      endpoint: plain.url,
      hosts: ["gcr.io"],
      allowInsecureCredentials: true,
      pullCredentialConfigPath: join(node.dir, "config.json"),
    },
    {
      endpoint: second.url,
      hosts: ["quay.io"],
      caCertPath: join(node.dir, "ca.crt"),
      clientCertPath: join(node.dir, "client.crt"),
      clientKeyPath: join(node.dir, "client.key"),
      pullCredential: { username: "ann", passwordFile: join(node.dir, "password") },
    },
  ];
  const inline = {
    mirrors: { "ghcr.io": { endpoint: [third.url] } },
    configs: {
      [third.host]: {
        auth: { username: "ann", password: passwords.inline },
        tls: { ca_file: join(node.dir, "ca.crt") },
      },
    },
  };
  const desired = (generation: number, more: readonly object[] = []): string =>
    [
      JSON.stringify({
        apiVersion: "mirrorlet/v1",
        kind: "RegistryMirrors",
        generation,
        registryMirrors: [...entries, ...more],
      }),
      JSON.stringify(inline),
    ].join("\n---\n");

  const told: { readonly where: string; readonly text: string }[] = [];
  const environment = {
    ...mirrorletEnvironment,
    REGISTRY_TOKEN: passwords.variable,
    https_proxy: `http://puser:${passwords.proxy}@127.0.0.1:1`,
  };
  const cli = async (...args: readonly string[]): Promise<string> => {
    const [program, ...first] = mirrorletProgram();
    const options = { env: environment, cwd: "/", timeout: 60_000, maxBuffer: 64 * 2 ** 20 };
    const text = await new Promise<string>((resolve) => {
      execFile(program, [...first, ...args], options, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    told.push({ where: args.join(" "), text });
    return text;
  };
  /** In this process: dozens of starts would take most of the time. */
  const cliHere = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await runMirrorlet(args);
    told.push({ where: args.join(" "), text: stdout + stderr });
    return stdout + stderr;
  };
  const withConfig = (command: string, ...more: readonly string[]) =>
    cli(command, "--config", node.agentToml, ...more);
  const both = async (...args: readonly [string, ...string[]]) => {
    await withConfig(...args);
    await withConfig(...args, "--json");
  };

  // The command line, before there is an agent.
  const state = await node.put("desired-state.yaml", desired(1));
  assert.match(await cli("validate", state), /ok|valid|registr/i);
  await cli("validate", state, "--json");
  await both("plan", state);
  await both("apply", state);
  const hostsToml = join(daemon.certsD, "gcr.io/hosts.toml");
  assert.match(await readFile(hostsToml, "utf8"), new RegExp(auth), "the secret is in use");
  await both("plan", await node.put("other.yaml", desired(2, [{ endpoint: third.url, hosts: ["gcr.io"] }])));
  for (const [name, text] of Object.entries(badStates)) {
    const path = await node.put("bad.yaml", text);
    assert.match(await cliHere("validate", path), /bad\.yaml:\d+:\d+: /, name);
  }
  for (const file of ["token.json", "broken.json", "raw.json"]) {
    const path = await node.put("bad.yaml", one(`pullCredentialConfigPath: ${join(node.dir, file)}`));
    assert.match(await cliHere("validate", path, "--json"), /docker-config|credential/, file);
  }
  for (const [name, text] of Object.entries(badConfigs)) {
    const path = await node.put("bad.toml", text);
    assert.notEqual(await cliHere("agent", "--print-config", "--config", path), "", name);
  }
  await both("agent", "--print-config");

  // The agent, with every child it starts.
  const agent = await node.startAgent({ ...environment, NOTIFY_SOCKET: join(node.dir, "notify") });
  t.after(() => agent.stop());
  const calls = join(node.dir, "calls.txt");
  const strace = existsSync("/usr/bin/strace")
    ? spawn("strace", ["-f", "-s", "65535", "-e", "trace=execve", "-o", calls, "-p", String(agent.pid)])
    : undefined;
  if (strace === undefined) t.diagnostic("no strace: what children are started with is not looked at");
  else await agent.until("strace listens", async () => existsSync(calls));
  await agent.apply(
    desired(3, [{ endpoint: third.url, hosts: ["gcr.io"], caCertPath: join(node.dir, "ca.crt") }]),
  );
  await daemon.pull("gcr.io/cn/a:1.0", { timeoutMs: 10_000 });
  await daemon.pull("quay.io/cn/b:1.0", { timeoutMs: 10_000 });
  await appendFile(hostsToml, "# somebody's\n");
  await agent.until(
    "the drift is repaired",
    async () => !(await readFile(hostsToml, "utf8")).includes("somebody"),
  );
  await ask(agent, told);
  await both("status");
  await both("doctor");
  for (const image of ["gcr.io/cn/a:1.0", "quay.io/cn/b:1.0", "ghcr.io/cn/c:1.0"])
    await both("explain", image);
  for (const name of ["a password in the document", "a password for a path", "an open quote", "user info"]) {
    await agent.reject(badStates[name] ?? "", /Stalled/);
    await ask(agent, told);
  }
  await both("status");
  for (const pid of [agent.pid]) {
    told.push({ where: `/proc/${pid}/cmdline`, text: readFileSync(`/proc/${pid}/cmdline`, "utf8") });
  }
  await agent.stop();
  if (strace !== undefined) {
    if (strace.exitCode === null) await once(strace, "exit");
    const text = readFileSync(calls, "utf8");
    assert.match(text, /execve\(.*containerd/, "children were seen");
    told.push({ where: "arguments of children", text: withoutEnvironment(text) });
  }
  told.push({ where: "the agent's log", text: agent.log() });
  assert.match(agent.log(), /"level":"?(?:20|debug)/);
  await writeFile(hostsToml, `${await readFile(hostsToml, "utf8")}# somebody's\n`);
  const holding = filesWithSecrets([node.dir, daemon.etc], keyLine);
  await both("restore");

  const needles = [...planted.flatMap(formsOf), keyLine];
  const leaks = told.flatMap(({ where, text }) =>
    needles.filter((needle) => text.includes(needle)).map((needle) => `${where}: ${excerpt(text, needle)}`),
  );
  assert.deepEqual(leaks, []);
  assert.ok(holding.some(({ path }) => path === hostsToml));
  assert.ok(holding.some(({ path }) => path.startsWith(node.stateDir)));
  assert.deepEqual(
    holding.filter(({ mode }) => mode !== 0o600),
    [],
  );
  t.diagnostic(`${planted.length} secrets, ${told.length} outputs, ${holding.length} files that hold one`);
});

async function ask(agent: LabAgent, told: { where: string; text: string }[]): Promise<void> {
  for (const path of [
    "/metrics",
    "/status.json",
    "/health",
    "/health?verbose",
    "/",
    "/readyz?verbose",
    "/livez",
  ]) {
    const response = await fetch(`http://${agent.address}${path}`, { headers: { connection: "close" } });
    const text = await response.text();
    assert.ok(text.length > 0, path);
    told.push({ where: path, text });
  }
}

/** As it is, in base64 at each of the three places it can stand, and in hex. */
function formsOf(stem: string): readonly string[] {
  const base64 = [0, 1, 2].map((before) => {
    const text = Buffer.from("-".repeat(before) + stem)
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(before === 0 ? 0 : before + 1, (stem.length + before) % 3 === 0 ? undefined : -1);
  });
  return [stem, ...base64, Buffer.from(stem).toString("hex")];
}

/** strace shows the environment as a number of variables only, but for the name of the program and its arguments. */
function withoutEnvironment(text: string): string {
  return text.replace(/, 0x[0-9a-f]+ \/\* \d+ vars \*\//g, "");
}

function excerpt(text: string, needle: string): string {
  const at = text.indexOf(needle);
  return text.slice(Math.max(0, at - 120), at + needle.length + 20);
}

function filesWithSecrets(directories: readonly string[], keyLine: string) {
  const needles = [...planted.flatMap(formsOf), keyLine];
  return directories
    .flatMap((directory) =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    )
    .filter((path) => !path.endsWith(".log") && !path.endsWith("calls.txt"))
    .filter((path) => {
      const text = readFileSync(path, "latin1");
      return needles.some((needle) => text.includes(needle));
    })
    .map((path) => ({ path, mode: statSync(path).mode & 0o777 }));
}
