import { printable } from "./printable.ts";
import type { FailureCode, FailurePhase, RegistryFailure } from "./registry-failure.ts";

export interface FailureFacts {
  readonly phase: FailurePhase;
  readonly code: FailureCode;
  /** host:port it is about. */
  readonly host: string;
  /** What only the occasion tells, such as the names a certificate is valid for. Without secrets. */
  readonly detail?: string;
}

/** Cause and fix of a failure, for an operator. */
export function describeFailure({ phase, code, host, detail = "" }: FailureFacts): RegistryFailure {
  const [cause, fix] = WORDS[code](host, printable(detail, 300));
  return { phase, code, cause, fix };
}

/** A failure to get an answer, in contrast to an answer that is of no use. */
export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(WORDS, code);
}

type Words = readonly [cause: string, fix: string];

const NAME_IT =
  "name the CA that signed it: caCertPath or caCert of the mirror in the desired state, ca = in hosts.toml";
const RESOLVER =
  "check the name and the node's resolv.conf (names inside the cluster do not resolve on the node)";
const CREDENTIAL =
  "give the mirror a pull credential in the desired state (pullCredentialConfigPath), or let it serve pulls without one";
const TOKEN_HOST = "open the way from this node to the token service, or let the mirror name another realm";
const OTHER_PORT = "write http:// for it, or give the port where it speaks https";

const WORDS: Readonly<Record<FailureCode, (host: string, detail: string) => Words>> = {
  "no-such-host": (host) => [`the name ${host} cannot be resolved on this node: no such host`, RESOLVER],
  "no-name-server": (host) => [
    `the name ${host} cannot be resolved on this node: the name server does not answer`,
    "check the node's resolv.conf and network",
  ],
  "lookup-failed": (host, detail) => [
    `the name ${host} cannot be resolved on this node: ${detail}`,
    RESOLVER,
  ],
  refused: (host) => [
    `no connection to ${host}: connection refused`,
    "start what should listen on that port, correct the port, or let the firewall pass it",
  ],
  "no-route": (host) => [`no connection to ${host}: no route to it`, "check the node's routes and network"],
  "connect-timeout": (host) => [
    `no connection to ${host}: no answer in time; a firewall drops the packets, or the host is down`,
    'bring it back or take it out; on containerd 2.1 and later, dialTimeout (dial_timeout = "1s") shortens the wait',
  ],
  "connect-reset": (host) => [
    `no connection to ${host}: the connection was reset`,
    "see what stands in between: a proxy, a firewall or a load balancer without a backend",
  ],
  "connect-failed": (host, detail) => [
    `no connection to ${host}: ${detail}`,
    "check the address and the network",
  ],
  "proxy-refuses": (host, detail) => [
    `containerd's proxy ${detail} does not lead to ${host}`,
    "add the host to NO_PROXY of containerd's unit and restart containerd, or let the proxy pass it",
  ],
  "socks-proxy": (host, detail) => [
    `${host} is to be reached through ${detail}, a SOCKS proxy, which cannot be asked from here`,
    "add the host to NO_PROXY of containerd's unit, or ask it by hand",
  ],
  "unknown-authority": (host, detail) => [
    `${host}: its certificate is signed by an unknown authority${detail}`,
    `${NAME_IT}; if the CA is known, let the server send its intermediate certificates`,
  ],
  "wrong-authority": (host) => [
    `${host}: the signature of its certificate is wrong: another CA of the same name signed it`,
    NAME_IT,
  ],
  expired: (host, detail) => [
    `${host}: its certificate, or one of its chain, has expired${detail}`,
    "renew it",
  ],
  "not-yet-valid": (host, detail) => [
    `${host}: its certificate is not valid yet${detail}`,
    "check the clock of this node and of the server that issued it",
  ],
  "name-not-covered": (host, detail) => [
    `${host}: its certificate is not valid for ${detail}`,
    "issue it with that name or address as a subject alternative name, or use one that it has",
  ],
  "common-name-only": (host, detail) => [
    `${host}: its certificate names ${detail} in the Common Name only, which containerd ignores`,
    "issue it with the host as a subject alternative name",
  ],
  "weak-signature": (host, detail) => [
    `${host}: the certificate of ${detail} is signed with SHA-1 or MD5, which containerd refuses`,
    "issue it with SHA-256",
  ],
  "not-for-servers": (host, detail) => [
    `${host}: ${detail}`,
    "issue it with the extended key usage serverAuth, its CA with CA:TRUE",
  ],
  "speaks-http": (host) => [`${host}: it speaks http, not https, on this port`, OTHER_PORT],
  "wants-client-certificate": (host) => [
    `${host}: it wants a client certificate`,
    "give the mirror clientCertPath and clientKeyPath (client = in hosts.toml)",
  ],
  "refuses-client-certificate": (host, detail) => [
    `${host}: it does not accept the client certificate${detail}`,
    "have it issued by the CA the mirror knows, and renew it in time",
  ],
  "old-tls": (host) => [
    `${host}: it speaks TLS 1.1 or older only, which containerd refuses`,
    "switch TLS 1.2 or 1.3 on",
  ],
  "tls-timeout": (host) => [
    `${host}: it does not answer the TLS handshake in time; it may not speak https on this port`,
    OTHER_PORT,
  ],
  "tls-closed": (host) => [
    `${host}: it ends the connection during the TLS handshake; it may not speak https on this port`,
    OTHER_PORT,
  ],
  "tls-file": (host, detail) => [
    `the CA or client certificate for ${host} cannot be used: ${detail}`,
    "put a readable PEM file in its place; a client certificate needs its key",
  ],
  "tls-failed": (host, detail) => [`${host}: the TLS handshake fails: ${detail}`, "see the server's own log"],
  "no-answer": (host) => [
    `${host} takes the request and does not answer in time`,
    "see what it waits for: its storage, its upstream, a proxy in front of it; let it answer, or close, within seconds",
  ],
  closed: (host, detail) => [
    `${host} ends the connection without an answer${detail}`,
    "see the server's own log; a load balancer without a backend does this too",
  ],
  "not-http": (host, detail) => [
    `${host} does not answer in http${detail}`,
    "correct the port; where it speaks https, write https://",
  ],
  "redirect-loop": (host) => [
    `${host} redirects in a circle (10 times)`,
    "correct the redirects of the server or of the proxy in front of it",
  ],
  "bad-redirect": (host, detail) => [
    `${host} redirects to what is no http address: ${detail}`,
    "correct the redirects of the server or of the proxy in front of it",
  ],
  "link-local": (host, detail) => [
    `${host} sends us to ${detail}, a link-local address; not followed`,
    "find out who answers there: a registry has no reason to lead to a metadata service",
  ],
  loopback: (host, detail) => [
    `${host} sends us to ${detail}, an address of this node itself; not followed`,
    "correct the redirects or the token service of that host, or its name in DNS and /etc/hosts",
  ],
  "unusable-url": (_host, detail) => [
    `containerd cannot ask ${detail}`,
    "write the host with https:// or http:// in front",
  ],
  "bad-header": (host, detail) => [
    `a header for ${host} cannot be sent: ${detail}`,
    "correct its name or value in hosts.toml",
  ],
  "no-credentials": (host) => [
    `${host} wants a user name and a password, and none is configured`,
    `${CREDENTIAL}; pull secrets of a pod are offered to it too, and not known here`,
  ],
  "credentials-refused": (host, detail) => [
    `${host} refuses ${detail}`,
    "check user name, password and rights at the mirror; robot accounts expire",
  ],
  "bad-credentials": (host, detail) => [
    `the credentials for ${host} in config.toml cannot be read: ${detail}`,
    "correct registry.configs of that host",
  ],
  "unknown-scheme": (host, detail) => [
    `${host} answers 401 and offers ${detail}; containerd knows Basic and Bearer`,
    "let the mirror send WWW-Authenticate: Basic or Bearer with a realm, or serve pulls without credentials",
  ],
  "no-realm": (host, detail) => [
    `${host} asks for a token and names no usable token service${detail}`,
    'let its WWW-Authenticate header say Bearer realm="https://…"',
  ],
  "token-unreachable": (host, detail) => [
    `the token service of ${host} gives no answer: ${detail}`,
    TOKEN_HOST,
  ],
  "token-refused": (host, detail) => [
    `the token service of ${host} refuses ${detail}`,
    "check user name, password and rights at the token service; without credentials, allow anonymous pulls",
  ],
  "no-token": (host, detail) => [
    `the token service ${detail} of ${host} answers without a token`,
    "let the realm in the mirror's WWW-Authenticate header lead to its token service, not to a web page",
  ],
  "credentials-withheld": (host, detail) => [
    `${host} sends us to ${detail} over plain http: the credentials were not sent there; containerd would send them`,
    "let it name an https address",
  ],
  "time-over": (host) => [
    `the time for all questions was over before ${host} could be asked to the end`,
    "see which host is slow, and ask again",
  ],
  "web-page": (host) => [
    `${host} answers with a web page, not as a registry: a portal or login page stands in between, or the host or port is wrong`,
    "correct host, port or path; let the mirror answer clients that are no browsers",
  ],
  status: (host, detail) => [`${host} answers ${detail}, so no pull is served`, "see the mirror's own log"],
};
