import { CERTS_D } from "../doctored-node.ts";
import { type Mutate, type Mutations, moveDirectory, renameHosts } from "./mutation.ts";

/** Names and places of hosts.toml and of its directory. */
export const PLACE_MUTATIONS: Mutations = {
  "the file is called host.toml": renameHosts("host.toml"),
  "the file is called hosts.tml": renameHosts("hosts.tml"),
  "the file is called hosts.toml.bak": renameHosts("hosts.toml.bak"),
  "the file is called hosts.yaml": renameHosts("hosts.yaml"),
  "the file is called hosts.toml.txt": renameHosts("hosts.toml.txt"),
  "the file is called Hosts.toml": renameHosts("Hosts.toml"),
  "the file lies one level deeper": renameHosts("library/hosts.toml"),
  "hosts.toml is a directory": ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [`${directory}/hosts.toml/hosts.toml`]: text };
  },
  "the directory has a scheme": moveDirectory((path) => path.replace(/\/([^/]+)$/, "/https:__$1")),
  "the directory has a trailing dot": moveDirectory((path) =>
    path.endsWith("_default") ? path : `${path}.`,
  ),
  "the directory is in capitals": moveDirectory((path) =>
    path.replace(/[^/]+$/, (name) => name.toUpperCase()),
  ),
  "the directory is registry-1.docker.io": moveDirectory((path) =>
    path.replace(/\/docker\.io$/, "/registry-1.docker.io"),
  ),
  "the directory is index.docker.io": moveDirectory((path) =>
    path.replace(/\/docker\.io$/, "/index.docker.io"),
  ),
  "the directory is called default": moveDirectory((path) => path.replace(/\/_default$/, "/default")),
  "the port is missing": alone(moveDirectory((path) => path.replace(/_5000_$/, ""))),
  "the port has one underscore": moveDirectory((path) => path.replace(/_5000_$/, "_5000")),
  "the directory lies beside certs.d": alone(moveDirectory((path) => path.replace("/certs.d/", "/"))),
  "an empty directory hides the default": ({ files }) =>
    `${CERTS_D}/_default/hosts.toml` in files && !(`${CERTS_D}/ghcr.io/hosts.toml` in files)
      ? { ...files, [`${CERTS_D}/ghcr.io`]: undefined }
      : undefined,
  "a directory with a CA hides the default": ({ files }) =>
    `${CERTS_D}/_default/hosts.toml` in files && !(`${CERTS_D}/ghcr.io/hosts.toml` in files)
      ? { ...files, [`${CERTS_D}/ghcr.io/ca.crt`]: "" }
      : undefined,
  "the directory is a file": ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [directory]: text };
  },
  "everything lies in another directory": ({ files }) =>
    Object.fromEntries(
      Object.entries(files).map(([path, content]) => [
        path.replace(CERTS_D, "/etc/containerd/registries.d"),
        content,
      ]),
    ),
  "the directory has a scheme with underscores": moveDirectory((path) =>
    path.replace(/[^/]+$/, "https___$&"),
  ),
  "the directory has the port of https": moveDirectory((path) =>
    /_default$|_5000_$/.test(path) ? path : `${path}_443_`,
  ),
  "the file lies beside the directories": alone(({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [`${directory.replace("_5000_", ":5000")}.toml`]: text };
  }),
  "the directory is in another": alone(moveDirectory((path) => path.replace(/[^/]+$/, "certs.d/$&"))),
  "the directory is a link to nothing": ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: _, ...rest } = files;
    return { ...rest, [directory]: { link: "/nowhere" } };
  },
  "an empty directory comes first": ({ files, directory }) => {
    if (!directory.endsWith("_5000_")) return undefined;
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [`${directory.replace("_5000_", ":5000")}/hosts.toml`]: text, [directory]: undefined };
  },
};

/** Not beside `_default`, which may ask the same mirrors, among others: then nothing is lost. */
function alone(mutate: Mutate): Mutate {
  return (mutation) => {
    const { files, directory } = mutation;
    const isServed = `${CERTS_D}/_default/hosts.toml` in files && !directory.endsWith("_default");
    return isServed ? undefined : mutate(mutation);
  };
}
