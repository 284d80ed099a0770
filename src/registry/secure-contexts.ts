import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsMaterial } from "../core/containerd/pull/tls-material.ts";

/** Reading the system's certificates takes 20 ms each time, keeping them a MiB. */
const KEPT = 2;

/** TLS contexts that trust what Go trusts; the last ones used are kept until their files change. Throws what Node throws. */
export function createSecureContexts(
  systemRoots: () => readonly string[],
): (tls: TlsMaterial) => SecureContext {
  let kept: readonly {
    readonly key: string;
    readonly roots: readonly string[];
    readonly context: SecureContext;
  }[] = [];
  return (tls) => {
    const roots = systemRoots();
    const key = JSON.stringify(tls);
    const known = kept.find((one) => one.key === key && one.roots === roots);
    const context = known?.context ?? create(tls, roots);
    kept = [{ key, roots, context }, ...kept.filter((one) => one !== known)].slice(0, KEPT);
    return context;
  };
}

function create({ ca, clients = [], skipVerify }: TlsMaterial, roots: readonly string[]): SecureContext {
  return createSecureContext({
    minVersion: "TLSv1.2",
    ...(skipVerify ? {} : { ca: [...roots, ...(ca === undefined ? [] : [ca])] }),
    ...(clients.length === 0
      ? {}
      : { cert: clients.map(({ certificate }) => certificate), key: clients.map(({ key }) => key) }),
    // As in Go, whatever is in the pool is trusted, an intermediate or a server's own certificate too.
    allowPartialTrustChain: true,
  });
}
