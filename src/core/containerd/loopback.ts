/** Go's net.SplitHostPort, as far as its callers care: no port where it would return an error. */
export function splitHostPort(hostPort: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(hostPort);
  if (match === null) return { host: hostPort, port: "" };
  return { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}

/** containerd's idea of a local registry: `localhost`, 127.0.0.0/8 or ::1, with or without a port. */
export function isLoopbackHost(hostPort: string): boolean {
  const { host } = splitHostPort(hostPort);
  if (host === "localhost" || isIpv6Loopback(host)) return true;
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1);
  if (octets === undefined || octets[0] !== "127") return false;
  // Go refuses leading zeros and octets over 255: such a host is a name.
  return octets.every((octet) => /^(?:0|[1-9]\d*)$/.test(octet) && Number(octet) <= 255);
}

function isIpv6Loopback(host: string): boolean {
  if (!/^[0:]+:0{0,3}1$/.test(host)) return false;
  const groups = host.split(":").length;
  return host.includes("::") ? groups <= 9 && !host.includes(":::") : groups === 8;
}
