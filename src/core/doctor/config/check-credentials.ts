import type { Place } from "../../issue.ts";
import { atFile, type Finding } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";

/** Credentials in config.toml. No value of theirs is ever told. */
export function checkCredentials(view: NodeView): readonly Finding[] {
  return [...checkDeprecated(view), ...checkReadable(view), ...checkHeaders(view)];
}

interface Holder {
  readonly what: string;
  readonly at: Place;
}

function holdersOf({ config }: NodeView): readonly Holder[] {
  return [
    ...config.configs.flatMap(({ host, auth, authAt, at }) =>
      auth === undefined || Object.keys(auth).length === 0 ? [] : [{ what: host, at: authAt ?? at }],
    ),
    ...config.auths.map(({ url, at }) => ({ what: url.replace(/\/\/[^/@]*@/, "//"), at })),
  ];
}

function checkDeprecated(view: NodeView): readonly Finding[] {
  const holders = holdersOf(view);
  const [first] = holders;
  if (first === undefined || !view.traits.transferService) return [];
  return [
    {
      code: "legacy-credentials",
      severity: "info",
      where: atFile(first.at),
      fact: `credentials for ${listSome(holders.map(({ what }) => what))} work in containerd ${view.version.text}, make it pull locally instead of through the transfer service, and are announced to go with 2.4`,
      consequence:
        "pulls take them now; once they are gone, pulls that need them fail or go to the next host",
      fix: "use imagePullSecrets or a kubelet credential provider; where a mirror takes Basic credentials, a header in its hosts.toml",
    },
  ];
}

function checkReadable(view: NodeView): readonly Finding[] {
  const secrets = [
    ...holdersOf(view),
    ...view.config.headers.filter(({ name }) => isSecret(name)).map(({ name, at }) => ({ what: name, at })),
  ];
  const files = new Map(secrets.map(({ at }) => [at.file, at]));
  return [...files].flatMap(([file, at]) => {
    const mode = view.modes[file];
    if (mode === undefined || (mode & 0o004) === 0) return [];
    return [
      {
        code: "credentials-readable" as const,
        severity: "warning" as const,
        where: atFile(at),
        fact: `${file} has mode ${mode.toString(8).padStart(4, "0")} and holds credentials for ${listSome(secrets.filter((secret) => secret.at.file === file).map(({ what }) => what))}`,
        consequence:
          "pulls work; every user and every container that sees the file can use the registry with them",
        fix: `chmod 600 ${file}; containerd needs no restart for it`,
      },
    ];
  });
}

function checkHeaders(view: NodeView): readonly Finding[] {
  return view.config.headers
    .filter(({ name }) => isSecret(name))
    .map(({ name, at }): Finding => {
      return {
        code: "credentials-to-every-host",
        severity: "warning",
        where: atFile(at),
        fact: `registry.headers sends ${name} with each request to each host, mirror or not`,
        consequence:
          "every registry that an image names is given these credentials, and may refuse a pull because of them",
        fix: `write it as [host."URL".header] in the hosts.toml of the mirror it is for, remove it here and ${RESTART}`,
      };
    });
}

function isSecret(name: string): boolean {
  return /^(?:proxy-)?authorization$|cookie|token|api-?key|password|secret/i.test(name);
}
