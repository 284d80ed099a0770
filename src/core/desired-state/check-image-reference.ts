import { parseHostPort } from "./host-port.ts";

/** The host namespace of an image reference as containerd normalises it, or undefined when it is not one. */
export function namespaceOfImage(reference: string): string | undefined {
  if (reference.length > 512) return undefined;
  const [named = "", digest, ...more] = reference.split("@");
  if (
    more.length > 0 ||
    (digest !== undefined && !/^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/.test(digest))
  )
    return undefined;
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  if (tagged && !/^\w[\w.-]{0,127}$/.test(named.slice(colon + 1))) return undefined;
  return namespaceOfName(tagged ? named.slice(0, colon) : named);
}

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

function namespaceOfName(name: string): string | undefined {
  const [first = "", ...rest] = name.split("/");
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const path = hasHost ? rest : [first, ...rest];
  if (path.length === 0 || !path.every((component) => COMPONENT.test(component))) return undefined;
  if (!hasHost || first === "index.docker.io") return "docker.io";
  return parseHostPort(first).ok ? first : undefined;
}
