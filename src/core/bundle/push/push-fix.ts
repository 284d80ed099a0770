import type { FailureCode, RegistryFailure } from "../../evidence/registry-failure.ts";

/** A failure in the words of a push or a dump: who does that has options, and no desired state. */
export function pushFix({ code, cause, fix }: RegistryFailure): {
  readonly cause: string;
  readonly fix: string;
} {
  const here = cause.replace("containerd's proxy", "the proxy").replace(" on this node:", " here:");
  return { cause: here, fix: FIXES[code] ?? fix };
}

const CA =
  "name the CA that signed it with --cacert FILE, or put it into /etc/docker/certs.d/HOST:PORT/ca.crt";
const NAME = "check the name, and resolv.conf of this machine";
const LOGIN =
  "give a login with --username and --password-stdin, or log in with docker or podman: their files are read";
const HTTPS = "give the port where it speaks https, or add --plain-http if that is meant";

const FIXES: Readonly<Partial<Record<FailureCode, string>>> = {
  "no-such-host": NAME,
  "lookup-failed": NAME,
  "no-name-server": "check resolv.conf and the network of this machine",
  "no-route": "check the routes and the network of this machine",
  "connect-timeout": "check the address, and the firewalls on the way; HTTPS_PROXY names a proxy",
  "proxy-refuses": "add the host to NO_PROXY, or let the proxy pass it",
  "socks-proxy": "add the host to NO_PROXY, or name an http proxy",
  "unknown-authority": CA,
  "wrong-authority": CA,
  "speaks-http": HTTPS,
  "tls-timeout": HTTPS,
  "tls-closed": HTTPS,
  "wants-client-certificate": "put client.cert and client.key into /etc/docker/certs.d/HOST:PORT/",
  "not-yet-valid": "check the clock of this machine and of the server that issued it",
  "tls-file": "put a readable PEM file in its place; a client certificate needs its key",
  "no-answer": "see what it waits for: its storage, or a proxy in front of it",
  "no-credentials": LOGIN,
  "credentials-refused": "check the login, and its rights there; robot accounts expire",
  "token-refused": "check user name and password, and their rights there",
  "token-unreachable":
    "open the way from this machine to the token service, or let the registry name another realm",
  "unknown-scheme": "a registry asks for Basic or Bearer: see what stands in front of it",
  "bad-credentials": LOGIN,
  "web-page": "correct the host or the port: a portal or a login page answers there",
};
