/** Where a listener binds, or a peer is dialled. */
export interface HostPort {
  /** IP literal (IPv6 without brackets) or name. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `[::1]:port`; undefined when it is neither. Port 0 lets the kernel choose. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, ipv6, name, digits] = match;
  const host = ipv6 ?? name;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return undefined;
  if (ipv6 !== undefined && !ipv6.includes(":")) return undefined;
  return { host, port };
}

/** `host:port` with brackets where the host is IPv6. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
