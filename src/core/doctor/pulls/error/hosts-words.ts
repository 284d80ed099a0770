import { atPath } from "../../finding.ts";
import type { DroppedFile, HostsTrouble } from "./error-form.ts";
import type { NodeWords } from "./node-words.ts";

const HOSTS = "/etc/containerd/certs.d";

/** What containerd's words about certs.d mean. Each takes what the text gives besides, mostly a file. */
export const HOSTS_WORDS: Readonly<Record<HostsTrouble, (detail: string) => NodeWords>> = {
  ...dropped({
    "hosts-file-dropped": ["it is no TOML", "mend what the line names"],
    "hosts-file-bom": ["it begins with a byte order mark", "save it without one"],
    "hosts-file-capability": [
      "it has a capability that this containerd does not know",
      'leave "pull", "resolve" and "push" there, and "referrers" from 2.2 on',
    ],
    "hosts-file-no-host-table": ["it has no host table", "add a line [host] at its end"],
    "hosts-file-ipv6-header": [
      "a header has brackets in its quotes",
      "use a DNS name in place of the address",
    ],
    "hosts-file-wrong-type": ["a value has the wrong type", "give it the type that it should have"],
    "hosts-file-bad-url": ["a host is no URL", "write scheme://host:port, with a port that is a number"],
    "hosts-file-bad-duration": ["a dial_timeout is no duration", 'write a unit, as dial_timeout = "1s"'],
  }),
  "hosts-file-crash": () => ({
    cause: "a hosts.toml has a key beside the tables in [host], and containerd 1.x dies of it",
    consequence: "containerd ends at each pull of that registry, and starts again",
    fix: 'move the key below its [host."URL"] header; mirrorlet doctor names file and line',
    where: atPath(HOSTS),
  }),
  "ca-file-unusable": (file) => badFile("a CA certificate", file, "put a readable PEM file in its place"),
  "client-file-unusable": (file) =>
    badFile(
      "a client certificate",
      file,
      "put readable PEM files in their places; a client certificate needs its key",
    ),
  "no-resolving-host": () => ({
    cause: "no host of the registry has the capabilities that this pull needs: pull, and resolve for a tag",
    consequence: "every such pull of that registry fails, and nobody is asked",
    fix: 'write capabilities = ["pull", "resolve"] for at least one host in hosts.toml',
    where: atPath(HOSTS),
  }),
  "directory-is-file": (path) => ({
    cause: `${path} is a file, where containerd wants a directory with a hosts.toml`,
    consequence: "every pull of that registry fails",
    fix: `mv ${path} /tmp/, and make a directory with a hosts.toml in its place`,
    where: atPath(path),
  }),
  "hosts-file-unreadable": (path) => ({
    cause: `containerd cannot read ${path}; only a path that does not exist is passed over`,
    consequence: "every pull of that registry fails",
    fix: `ls -lZd ${path}: make directories 0755 and files 0644, restore SELinux labels (restorecon -R ${HOSTS}), and let <host>/ be a directory and hosts.toml a file`,
    where: atPath(path),
  }),
  "tls-keys-on-http": () => ({
    cause: "an http:// host has ca, client or skip_verify beside it: containerd tries https there first",
    consequence:
      "each pull begins with a TLS handshake that fails; a host that just closes on it is not used at all",
    fix: "remove ca, client and skip_verify from http:// hosts, also where they are empty or false",
    where: atPath(HOSTS),
    severity: "warning",
  }),
};

function dropped(reasons: Readonly<Record<DroppedFile, readonly [why: string, fix: string]>>) {
  const entries = Object.entries(reasons).map(([code, [why, fix]]) => [
    code,
    (file: string): NodeWords => {
      const isNamed = file.startsWith("/");
      return {
        cause: `containerd drops ${isNamed ? file : "a hosts.toml, and up to 1.7 does not say which one,"} whole: ${why}`,
        consequence:
          "pulls of its registry go straight to the registry itself, and succeed there: nobody is told",
        fix: `${fix}; mirrorlet doctor names file and line`,
        where: atPath(isNamed ? file : HOSTS),
      };
    },
  ]);
  return Object.fromEntries(entries) as Readonly<Record<DroppedFile, (file: string) => NodeWords>>;
}

function badFile(what: string, file: string, fix: string): NodeWords {
  return {
    cause: `${what} that hosts.toml names cannot be used: ${file === "" ? "the system's own pool" : file}`,
    consequence: "every pull of that registry fails, the fallback to other hosts included",
    fix: `${fix}; relative paths start at the directory of the hosts.toml`,
    where: atPath(file.startsWith("/") ? file : HOSTS),
  };
}
