/** An address as a number of 32 or 128 bits. An IPv4 address in the clothes of IPv6 (`::ffff:10.0.0.1`) is IPv4, as for Go. */
export interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Undefined: it is a name, or nothing. By the rules of Go's net.ParseIP: no leading zeros, no zone. */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const value = parseIpv6(text);
  if (value === undefined) return undefined;
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

/** Both are in the same network of so many leading bits. */
export function sharesPrefix(a: IpAddress, b: IpAddress, length: number): boolean {
  const shift = BigInt(a.bits - length);
  return a.bits === b.bits && a.value >> shift === b.value >> shift;
}

/** Addresses that nobody routes over the internet: RFC 1918, 6598, 3927, 4193 and 4291. */
export function isPrivateIp(address: IpAddress): boolean {
  return PRIVATE.some(({ network, length }) => sharesPrefix(address, network, length));
}

const PRIVATE = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "fc00::/7",
  "fe80::/10",
].flatMap((text) => parseNetwork(text) ?? []);

interface Network {
  readonly network: IpAddress;
  readonly length: number;
}

/** `10.0.0.0/8`. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", length = "", ...more] = text.split("/");
  const network = parseIp(address);
  if (network === undefined || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  return Number(length) > network.bits ? undefined : { network, length: Number(length) };
}

function parseIpv4(text: string): IpAddress | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  const isOctet = (octet: string): boolean => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255;
  if (!octets.every(isOctet)) return undefined;
  return { bits: 32, value: octets.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n) };
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const zeros = new Array<bigint>(missing).fill(0n);
  return [...head, ...zeros, ...(tail ?? [])].reduce((value, group) => (value << 16n) | group, 0n);
}

function parseGroups(text: string): readonly bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const ipv4 = index === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) groups.push(ipv4.value >> 16n, ipv4.value & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}
