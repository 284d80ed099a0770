import { accessSync, constants, readFileSync, statSync } from "node:fs";
import type { RegistryOptions } from "../cli/read-login.ts";

/** Why a file that an option names cannot be read, with the option; undefined: all can. */
export function checkOptionFiles({
  cacert = [],
  certDir,
  dockerConfig,
}: RegistryOptions): string | undefined {
  const named = [
    ...cacert.map((path) => ({ option: "--cacert", path, mayBeFolder: false })),
    ...(certDir === undefined ? [] : [{ option: "--cert-dir", path: certDir, mayBeFolder: true }]),
    ...(dockerConfig === undefined
      ? []
      : [{ option: "--docker-config", path: dockerConfig, mayBeFolder: true }]),
  ];
  for (const { option, path, mayBeFolder } of named) {
    const why = whyUnreadable(path, mayBeFolder);
    if (why !== undefined) return `${option} ${path}: ${why}`;
  }
  // Node takes such a file, and whoever named it would be told to name the CA. What a pipe has can be read once only.
  const bare = cacert.find(
    (path) => statSync(path).isFile() && !CERTIFICATE.test(readFileSync(path, "latin1")),
  );
  if (bare !== undefined)
    return `--cacert ${bare}: there is no certificate in it: it has to be PEM, with a line -----BEGIN CERTIFICATE-----`;
  return undefined;
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;

function whyUnreadable(path: string, mayBeFolder: boolean): string | undefined {
  try {
    const isFolder = statSync(path).isDirectory();
    if (isFolder && !mayBeFolder) return "it is a folder: name the file";
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file: check the path";
    return code === "EACCES" ? "this user may not read it" : (error as Error).message;
  }
}
