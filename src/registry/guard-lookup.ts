import { lookup as lookupName } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { bareHost } from "../core/choose-proxy.ts";
import type { FailureCode } from "../core/evidence/registry-failure.ts";
import { RegistryError } from "./registry-error.ts";

/** All addresses of a name, as the system knows them. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/**
 * The lookup for a connection to where `from` sent us. An address of this node, or one of its link, where metadata
 * services of clouds are, is refused unless `from` has such an address itself: a mirror on this node may lead to
 * another port of it. Private addresses are none of these: the storage behind a mirror often has one. What is looked
 * at here is what is connected to, so that no name can change its mind in between.
 */
export function guardedLookup(to: URL, from: URL, resolve: Resolve = resolveName): LookupFunction {
  return (name, options, callback) => {
    const done = async (): Promise<void> => {
      const addresses = (await resolve(name)).slice(0, MAX_ADDRESSES);
      await refuseNear(addresses, to, from, resolve);
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      const [first] = found;
      if (first === undefined)
        throw Object.assign(new Error(`no address for ${name}`), { code: "ENOTFOUND" });
      if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    };
    done().catch((error: NodeJS.ErrnoException) => callback(error, ""));
  };
}

/** The same for an address that needs no lookup. */
export async function refuseNear(
  addresses: readonly string[],
  to: URL,
  from: URL,
  resolve: Resolve = resolveName,
): Promise<void> {
  for (const address of addresses) {
    const near = nearnessOf(address);
    if (near === undefined || (await isThere(from, near, resolve))) continue;
    const detail = to.hostname === address ? to.host : `${to.host} (${address})`;
    throw new RegistryError({ phase: "http", code: near, host: from.host, detail });
  }
}

type Nearness = Extract<FailureCode, "loopback" | "link-local">;

/** More than that no name needs. */
const MAX_ADDRESSES = 16;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
// "This host": a connection to it reaches loopback.
loopback.addSubnet("0.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addAddress("::", "ipv6");
const linkLocal = new BlockList();
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
linkLocal.addSubnet("fe80::", 10, "ipv6");
// The metadata service of AWS by IPv6.
linkLocal.addAddress("fd00:ec2::254", "ipv6");

export function nearnessOf(text: string): Nearness | undefined {
  const address = text.replace(/%.*$/, "");
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (loopback.check(address, family)) return "loopback";
  return linkLocal.check(address, family) ? "link-local" : undefined;
}

async function isThere(from: URL, near: Nearness, resolve: Resolve): Promise<boolean> {
  const host = bareHost(from);
  const addresses = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
  return addresses.some((address) => nearnessOf(address) === near);
}

function resolveName(name: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookupName(name, { all: true }, (error, found) => {
      if (error === null) resolve(found.map(({ address }) => address));
      else reject(error);
    });
  });
}
