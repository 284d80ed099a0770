import { type ErrorForm, firstGroup } from "./error-form.ts";

/** No answer at all. Go's words, of net, net/http and crypto. */
export const NETWORK_FORMS: readonly ErrorForm[] = [
  {
    pattern: /proxyconnect tcp: (?:dial tcp ([^:\s]*:\d+|\[[^\]]+\]:\d+))?/,
    code: "proxy-refuses",
    detail: firstGroup,
    source: "net/http/transport.go: the proxy itself was not reached",
  },
  {
    // The reason of the proxy's status line is all that is left of its answer to CONNECT.
    pattern:
      /(?:Head|Get|Post) "https:[^"]*": (?:Forbidden|Proxy Authentication Required|Bad Gateway|Service Unavailable|Gateway Time-?out|Bad Request|Not Found|Method Not Allowed|Internal Server Error|Unauthorized)\b/,
    code: "proxy-refuses",
    source: "net/http/transport.go: the answer to CONNECT was not 200",
  },
  { pattern: /socks connect tcp/, code: "proxy-refuses", source: "golang.org/x/net/internal/socks" },
  { pattern: /lookup \S+?(?: on \S+)?: no such host/, code: "no-such-host", source: "net/dnsclient_unix.go" },
  {
    pattern:
      /lookup \S+?(?: on \S+)?: (?:[^"]*?(?:i\/o timeout|connection refused|network is unreachable|no route to host)|Temporary failure in name resolution)/,
    code: "no-name-server",
    source: "net/dnsclient_unix.go",
  },
  {
    pattern: /dial tcp: lookup \S+?(?: on \S+)?: (server misbehaving|[^":]{1,80})/,
    code: "lookup-failed",
    detail: firstGroup,
    source: "net/dnsclient_unix.go",
  },
  {
    pattern: /dial tcp [^"]*?(?:i\/o timeout|connect: connection timed out)/,
    code: "connect-timeout",
    source: "net/dial.go; dial_timeout, 30 s by default",
  },
  { pattern: /connect: connection refused/, code: "refused", source: "syscall" },
  {
    pattern: /(?:connect: )?(?:no route to host|network is unreachable)/,
    code: "no-route",
    source: "syscall",
  },
  { pattern: /connect: connection reset by peer/, code: "connect-reset", source: "syscall" },
  {
    pattern: /dial tcp [^"]*?: (?:connect: )?([a-z][^":]{2,80})/,
    code: "connect-failed",
    detail: firstGroup,
    source: "net/dial.go",
  },
  {
    pattern: /x509: certificate has expired or is not yet valid: (current time \S+ is before [^\s"]+)/,
    code: "not-yet-valid",
    detail: (match) => `: ${firstGroup(match)}`,
    source: "crypto/x509/verify.go",
  },
  {
    pattern: /x509: certificate has expired or is not yet valid(?:: (current time \S+ is after [^\s"]+))?/,
    code: "expired",
    detail: (match) => (firstGroup(match) === "" ? "" : `: ${firstGroup(match)}`),
    source: "crypto/x509/verify.go",
  },
  {
    pattern:
      /signed by unknown authority \(possibly because of "?x509: cannot verify signature: insecure algorithm/,
    code: "weak-signature",
    detail: () => "one of its chain",
    source: "crypto/x509/verify.go",
  },
  {
    pattern:
      /signed by unknown authority \(possibly because of .* while trying to verify candidate authority/,
    code: "wrong-authority",
    source: "crypto/x509/verify.go",
  },
  {
    pattern: /x509: certificate signed by unknown authority/,
    code: "unknown-authority",
    source: "crypto/x509/verify.go; since Go 1.20 behind `tls: failed to verify certificate: `",
  },
  {
    pattern: /certificate relies on legacy Common Name field/,
    code: "common-name-only",
    detail: () => "it",
    source: "crypto/x509/verify.go",
  },
  {
    pattern: /cannot validate certificate for (\S+) because it doesn't contain any IP SANs/,
    code: "name-not-covered",
    detail: firstGroup,
    source: "crypto/x509/verify.go",
  },
  {
    pattern:
      /certificate is (?:valid for [^"]{1,200}?|not valid for any names), (?:not|but wanted to match) ([^\s",]+)/,
    code: "name-not-covered",
    detail: firstGroup,
    source: "crypto/x509/verify.go",
  },
  {
    pattern: /x509: certificate specifies an incompatible key usage/,
    code: "not-for-servers",
    detail: () => "its certificate is not meant for servers (extended key usage)",
    source: "crypto/x509/verify.go",
  },
  {
    pattern:
      /x509: invalid signature: parent certificate cannot sign|x509: certificate is not authorized to sign/,
    code: "not-for-servers",
    detail: () => "one certificate of its chain is not a CA certificate",
    source: "crypto/x509/verify.go",
  },
  {
    pattern: /x509: ([^"\n]{1,160})/,
    code: "tls-failed",
    detail: firstGroup,
    source: "crypto/x509/verify.go",
  },
  {
    pattern: /server gave HTTP response to HTTPS client|first record does not look like a TLS handshake/,
    code: "speaks-http",
    source: "net/http/transport.go, crypto/tls/conn.go",
  },
  {
    pattern: /Client sent an HTTP request to an HTTPS server|malformed HTTP response "\\x15\\x03/,
    code: "speaks-https",
    source: "net/http/server.go, and net/http/transport.go where the server sends a TLS alert",
  },
  {
    pattern: /remote error: tls: certificate required/,
    code: "wants-client-certificate",
    source: "crypto/tls/alert.go",
  },
  {
    pattern:
      /remote error: tls: (bad certificate|unknown certificate authority|expired certificate|unknown certificate|revoked certificate)/,
    code: "refuses-client-certificate",
    detail: (match) => `: ${firstGroup(match)}`,
    source: "crypto/tls/alert.go",
  },
  {
    pattern: /server selected unsupported protocol version|remote error: tls: protocol version not supported/,
    code: "old-tls",
    source: "crypto/tls/handshake_client.go",
  },
  { pattern: /TLS handshake timeout/, code: "tls-timeout", source: "net/http/transport.go, 10 s" },
  {
    pattern: /((?:remote error: )?tls: [^"\n]{1,120})/,
    code: "tls-failed",
    detail: firstGroup,
    source: "crypto/tls",
  },
  {
    pattern:
      /timeout awaiting response headers|Client\.Timeout exceeded|(?:Head|Get|Post) "[^"]+": (?:context (?:deadline exceeded|canceled)|net\/http: request canceled)/,
    code: "no-answer",
    source: "net/http/transport.go; response headers have 30 s from containerd 2.3 on",
  },
  {
    pattern:
      /read tcp [^"]*?(?:connection reset by peer|i\/o timeout)|write: (?:broken pipe|connection reset by peer)/,
    code: "closed",
    detail: () => ": the connection was reset",
    source: "net",
  },
  {
    pattern:
      /(?:Head|Get|Post) "[^"]*": (?:unexpected )?EOF|server closed idle connection|http2: server sent GOAWAY/,
    code: "closed",
    source: "net/http/transport.go",
  },
  {
    pattern: /net\/http: HTTP\/1\.x transport connection broken|malformed HTTP (?:response|status|version)/,
    code: "not-http",
    source: "net/http/response.go",
  },
  { pattern: /stopped after 10 redirects/, code: "redirect-loop", source: "remotes/docker/resolver.go" },
  {
    pattern:
      /(unsupported protocol scheme[^\n]{0,80}|first path segment in URL cannot contain colon|no Host in request URL)/,
    code: "unusable-url",
    detail: firstGroup,
    source: "net/http/transport.go, net/url",
  },
  {
    pattern: /net\/http: (invalid header field [^\n]{1,80})/,
    code: "bad-header",
    // Its value may be a secret.
    detail: (match) => firstGroup(match).replace(/".*"/, "…"),
    source: "net/http/transport.go",
  },
];
