import assert from "node:assert/strict";
import { test } from "node:test";
import { readMeantUrl } from "../../../../src/core/doctor/hosts/meant-url.ts";
import { readLooseHosts } from "../../../../src/core/doctor/hosts/read-loose-hosts.ts";

const read = (text: string) => {
  const { server, hosts, isBlank } = readLooseHosts(text);
  return { server: server?.written, hosts: hosts.map(({ written }) => written), isBlank };
};

test("a hosts.toml is read for what it means, however it is written", () => {
  const meant = { server: "https://gcr.io", hosts: ["https://a", "https://b"], isBlank: false };
  const server = 'server = "https://gcr.io"\n';
  const texts = {
    headers: `${server}[host."https://a"]\n[host."https://b"]\n`,
    "plural, single quotes": `${server}[hosts.'https://a']\n[hosts.'https://b']\n`,
    "header tables of their own": `${server}[host."https://a".header]\nx = "1"\n[host."https://b"]\n`,
    "inline tables": `${server}host = { "https://a" = {}, "https://b" = { capabilities = ["pull"] } }\n`,
    "inline children": `${server}[host]\n"https://a" = {}\n"https://b" = {}\n`,
    "dotted keys": `${server}host."https://a".capabilities = ["pull"]\nhost."https://b".skip_verify = true\n`,
    "server in a host table": '[host."https://a"]\n[host."https://b"]\nserver = "https://gcr.io"\n',
    "array tables": `${server}[[host."https://a"]]\n[[host."https://b"]]\n`,
    "a list": `${server}host = ["https://a", "https://b"]\n`,
    "endpoints, as elsewhere": `${server}endpoint = ["https://a", "https://b"]\n`,
    "tables without the prefix": `${server}["https://a"]\n["https://b"]\n`,
    "a byte order mark": `\ufeff${server}[host."https://a"]\n[host."https://b"]\n`,
    "a bracket missing": `${server}[host."https://a"\n[host."https://b"]\n`,
    "a quote missing": `${server}[host."https://a]\n[host.https://b]\n`,
    "a value missing": `${server}[host."https://a"]\ncapabilities =\n[host."https://b"]\n`,
    "the server without quotes": 'server = https://gcr.io\n[host."https://a"]\n[host."https://b"]\n',
  };
  for (const [name, text] of Object.entries(texts)) assert.deepEqual(read(text), meant, name);
});

test("names without quotes belong together, and headers are no hosts", () => {
  assert.deepEqual(read('[host.mirror.corp]\ncapabilities = ["pull"]\n').hosts, ["mirror.corp"]);
  assert.deepEqual(read('[host."a".header]\n"x-y" = "1"\n').hosts, ["a"]);
  assert.deepEqual(read('[host."http://[::1]:5000"]\n= broken').hosts, ["http://[::1]:5000"]);
  assert.deepEqual(read("# nothing\n\n"), { server: undefined, hosts: [], isBlank: true });
});

test("a URL is read for where requests are meant to go", () => {
  const where = (written: string, overridePath = false) => {
    const { scheme, host, path } = readMeantUrl(written, overridePath);
    return `${scheme ?? "?"} ${host} ${path}`;
  };
  assert.equal(where("https://m"), "https m /v2");
  assert.equal(where("HTTP://M:5000/"), "http m:5000 /v2");
  assert.equal(where("http-mirror.local:5000"), "? http-mirror.local:5000 /v2");
  assert.equal(where("m:5000/project"), "? m:5000 /project/v2");
  assert.equal(where("https://m/v2/project"), "https m /v2/project");
  assert.equal(where("https://m/v2/project", true), "https m /v2/project");
  assert.equal(where("https:/user:secret@m?x=1"), "https m /v2");
  assert.equal(where("https://m", true), "https m ");
});
