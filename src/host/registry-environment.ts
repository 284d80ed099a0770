/** Variables by which Go decides how a registry is reached and whom it trusts. */
export function isRegistryVariable(name: string): boolean {
  return /^(?:https?_proxy|no_proxy|ssl_cert_(?:file|dir)|request_method)$/i.test(name);
}
