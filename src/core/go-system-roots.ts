/**
 * Where Go looks for the certificates of the system on Linux: of the files the first that can be read, of the
 * directories all. https://cs.opensource.google/go/go/+/master:src/crypto/x509/root_linux.go
 */
export const SYSTEM_ROOT_FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

export const SYSTEM_ROOT_DIRECTORIES = ["/etc/ssl/certs", "/etc/pki/tls/certs"];
