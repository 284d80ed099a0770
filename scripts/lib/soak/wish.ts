import type { Random } from "./random.ts";

/** A mirror as a desired state names it. */
export interface MirrorRef {
  readonly name: string;
  readonly endpoint: string;
  readonly caPath?: string;
  readonly credentialPath?: string;
}

/** What desired states are made of. */
export interface World {
  readonly mirrors: readonly MirrorRef[];
  /** Never in trouble: it alone serves `closed`, whose upstream may not be asked. */
  readonly steady: MirrorRef;
  readonly closed: string;
  /** Host namespaces that are pulled from, and whose upstream works. */
  readonly open: readonly string[];
  readonly canary: string;
}

/** A document, and what it says: the mirrors of each host namespace in order. */
export interface Wish {
  readonly generation: number;
  readonly text: string;
  readonly registries: ReadonlyMap<string, readonly MirrorRef[]>;
}

/** The same at every rest. */
export function baseline(world: World, generation: number): Wish {
  const lists = world.open.map((namespace, i): [string, readonly MirrorRef[]] => {
    const own = world.mirrors[i % world.mirrors.length];
    return [namespace, own === undefined ? [world.steady] : [own, world.steady]];
  });
  return writeWish(world, generation, new Map([...lists, [world.closed, [world.steady]]]));
}

/** `fillers`: host namespaces that nobody pulls from, besides those of the world, of which any may be missing. */
export function randomWish(random: Random, world: World, generation: number, fillers: number): Wish {
  const kept = world.open.filter(() => random.chance(0.8));
  const names = [...kept, ...Array.from({ length: fillers }, (_, i) => `r${i}.example`)];
  const lists = names.map((name): [string, readonly MirrorRef[]] => {
    const some = random.shuffle([...world.mirrors, world.steady]);
    return [name, some.slice(0, random.between(1, 3))];
  });
  return writeWish(world, generation, new Map([...lists, [world.closed, [world.steady]]]));
}

/** In the native form, which has one entry a mirror: the order of a namespace is the order of entries. */
function writeWish(
  world: World,
  generation: number,
  registries: ReadonlyMap<string, readonly MirrorRef[]>,
): Wish {
  // One entry a namespace and mirror keeps every order as it is. What may never be missing comes first: the first half of
  // a document may be a document as well, and then that is what is wanted.
  const entries = [...registries]
    .sort(([a], [b]) => Number(b === world.closed) - Number(a === world.closed))
    .flatMap(([host, mirrors]) =>
      mirrors.map((mirror) => {
        const ca = mirror.caPath === undefined ? "" : `\n    caCertPath: ${mirror.caPath}`;
        const pull =
          mirror.credentialPath === undefined
            ? ""
            : `\n    pullCredentialConfigPath: ${mirror.credentialPath}`;
        return `  - endpoint: ${mirror.endpoint}\n    hosts: [${host}]${ca}${pull}\n`;
      }),
    );
  const text = `apiVersion: mirrorlet/v1
kind: RegistryMirrors
generation: ${generation}
allowMassRemoval: true
upstream:
  ${world.closed}: never
canaries:
  - ${world.canary}
registryMirrors:
${entries.join("")}`;
  return { generation, text, registries };
}

/** A document that is none any more: nothing of it may come into force. */
export function breakWish(
  random: Random,
  text: string,
): { readonly how: string; readonly bytes: Uint8Array } {
  const bytes = Buffer.from(text);
  const ways: Readonly<Record<string, () => Uint8Array>> = {
    empty: () => new Uint8Array(),
    nul: () => Buffer.concat([bytes, Buffer.from([0])]),
    "not UTF-8": () => Buffer.concat([bytes, Buffer.from([0xff, 0xfe])]),
    "another kind": () => Buffer.from(text.replace("RegistryMirrors", "Deployment")),
    "unknown key": () => Buffer.from(`${text}mirors: []\n`),
    "bad endpoint": () => Buffer.from(text.replaceAll(/endpoint: .*/g, "endpoint: ftp://mirror.example")),
    "not YAML": () => Buffer.from(`${text}\n]}{[`),
    "ends in a key": () => bytes.subarray(0, text.indexOf("hosts:") + 3),
    "no mirrors": () => Buffer.from("apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors: 3\n"),
    huge: () => Buffer.concat([bytes, Buffer.alloc(20 * 1024 * 1024, "# filler\n")]),
  };
  const how = random.pick(Object.keys(ways));
  return { how, bytes: ways[how]?.() ?? new Uint8Array() };
}
