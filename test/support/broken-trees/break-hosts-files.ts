import { editHosts, type Mutations } from "./mutation.ts";

const firstHost = /\[host\."([^"]+)"\]/;

function isClosed(text: string): boolean {
  return text.startsWith(`server = "https://mirror.corp"`);
}

/** The text of a hosts.toml. */
export const HOSTS_FILE_MUTATIONS: Mutations = {
  "a capability is misspelt": editHosts((text) => text.replace(`"resolve"`, `"resolv"`)),
  "a capability is taken away": editHosts((text) =>
    isClosed(text) ? text : text.replaceAll(`["pull", "resolve"]`, `["pull"]`),
  ),
  "capabilities are one string": editHosts((text) => text.replace(`"pull", "resolve"`, `"pull,resolve"`)),
  "capabilities is a string": editHosts((text) => text.replace(`["pull", "resolve"]`, `"pull"`)),
  "a quote is missing": editHosts((text) => text.replace(`"]\n`, `]\n`)),
  "a bracket is missing": editHosts((text) => text.replace(firstHost, `[host."$1"`)),
  "an equals sign is missing": editHosts((text) => text.replace("capabilities =", "capabilities")),
  "the file ends in the middle of a value": editHosts((text) => text.slice(0, text.lastIndexOf(`"`) - 2)),
  "the file ends after a header's first half": editHosts((text) => text.slice(0, text.indexOf("[host") + 8)),
  "the file is empty": editHosts(() => ""),
  "the file has a byte order mark": editHosts((text) => `\uFEFF${text}`),
  "server stands at the end": editHosts((text) => {
    const server = /^server = .*\n/.exec(text)?.[0];
    return server === undefined ? text : `${text.slice(server.length)}\n${server}`;
  }),
  "hosts are an inline table": editHosts((text) => {
    const server = /^server = .*\n/.exec(text)?.[0] ?? "";
    const hosts = [...text.matchAll(/\[host\."([^"]+)"\]/g)].map(
      ([, url]) => `"${url}" = { capabilities = ["pull", "resolve"] }`,
    );
    return `${server}host = { ${hosts.join(", ")} }\n`;
  }),
  "the table is called hosts": editHosts((text) => text.replaceAll("[host.", "[hosts.")),
  "the table is called mirror": editHosts((text) => text.replaceAll("[host.", "[mirror.")),
  "the table is called Host": editHosts((text) => text.replaceAll("[host.", "[Host.")),
  "a header has two brackets": editHosts((text) => text.replace(/^\[(host\.[^\]]*)\]/m, "[[$1]]")),
  "a character of the syntax is missing": editHosts((text, { pick }) => {
    const at = pick([...text.matchAll(/["[\]=]/g)].map(({ index }) => index));
    return text.slice(0, at) + text.slice(at + 1);
  }),
  "a line comes twice": editHosts((text, { pick }) => {
    const lines = text.split("\n");
    const at = pick([...lines.keys()].filter((index) => lines[index] !== ""));
    return lines.toSpliced(at, 0, lines[at] ?? "").join("\n");
  }),
  "two lines are exchanged": editHosts((text, { pick }) => {
    const lines = text.split("\n");
    const at = pick([...lines.keys()].slice(1));
    return lines.toSpliced(at - 1, 2, lines[at] ?? "", lines[at - 1] ?? "").join("\n");
  }),
  "a key is misspelt": editHosts((text, { pick }) => {
    const key = pick([...text.matchAll(/^\s*(\w+) =/gm)].map(([, name = ""]) => name));
    const at = pick([...key].map((_, index) => index));
    return text.replace(key, key.slice(0, at) + key.slice(at + 1));
  }),
  "a port is no number": editHosts((text) =>
    text.replace(/(\[host\."https?:\/\/[^/":]+)(?::\d+)?/, "$1:50o0"),
  ),
  "the first host is an inline table": editHosts((text) =>
    text.replace(/^\[host\.("[^"]*")\]\n\s*(capabilities = \[[^\]]*\])/m, "host = { $1 = { $2 } }"),
  ),
  "the URL is not quoted": editHosts((text) => text.replace(firstHost, "[host.$1]")),
  "the scheme is left out": editHosts((text) => text.replace(`[host."http://`, `[host."`)),
  "the scheme is in capitals": editHosts((text) => text.replace(`[host."https://`, `[host."HTTPS://`)),
  "override_path is left out": editHosts((text) => text.replace("\n  override_path = true", "")),
  "override_path is a string": editHosts((text) =>
    text.replace("override_path = true", `override_path = "true"`),
  ),
  "override_path is misspelt": editHosts((text) => text.replace("override_path", "overide_path")),
  "skip_verify stands at the root": editHosts((text) =>
    text.includes(`[host."https://`) && !isClosed(text) && !text.includes("registry.corp")
      ? `skip_verify = true\n${text}`
      : text,
  ),
  "skip_verify is a string": editHosts((text) =>
    text.replace(firstHost, `[host."$1"]\n  skip_verify = "true"`),
  ),
  "a CA file is named that is not there": editHosts((text) =>
    text.replace(firstHost, `[host."$1"]\n  ca = "ca.crt"`),
  ),
  "a CA file is not PEM": ({ files, directory }) => {
    const path = `${directory}/hosts.toml`;
    const text = files[path];
    if (typeof text !== "string") return undefined;
    const changed = text.replace(firstHost, `[host."$1"]\n  ca = "ca.crt"`);
    return { ...files, [path]: changed, [`${directory}/ca.crt`]: "not a certificate\n" };
  },
  "a client certificate has no key": editHosts((text) =>
    text.replace(firstHost, `[host."$1"]\n  client = [["client.crt", ""]]`),
  ),
  "a header is a number": editHosts(
    (text) => `${text}\n[host."https://mirror.corp".header]\n  x-tries = 3\n`,
  ),
  "a table is written twice": editHosts((text) => `${text}\n${firstHost.exec(text)?.[0]}\n`),
  "server is docker.io": editHosts((text) =>
    text.replace("https://registry-1.docker.io", "https://docker.io"),
  ),
  "server has no scheme and begins with http": editHosts((text) =>
    text.replace(`server = "https://mirror.corp"`, `server = "http-mirror.corp:5000"`),
  ),
  // 2.x takes it, as any other address.
  "the IPv6 address of a mirror": editHosts((text, { release }) =>
    release.startsWith("1.")
      ? text.replace(`[host."http://10.0.0.5:5000"]`, `[host."http://[fd00::5]:5000"]`)
      : text,
  ),
};
