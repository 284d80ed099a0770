import type { Ports } from "./ports.ts";

/** The same ports, by which is told that something is asked of them. */
export function watchPorts(ports: Ports, onAsked: () => void): Ports {
  const { files, containerd, prober } = ports;
  return {
    ...ports,
    files: watched(files, onAsked),
    containerd: watched(containerd, onAsked),
    prober: watched(prober, onAsked),
  };
}

function watched<T extends object>(port: T, onAsked: () => void): T {
  // An heir without properties of its own: a proxy of the port itself could not bind what is read-only.
  return new Proxy(Object.create(port) as T, {
    get(_heir, key) {
      onAsked();
      const value: unknown = Reflect.get(port, key);
      return typeof value === "function" ? value.bind(port) : value;
    },
  });
}
