/** Below 3.5.18 a watch may miss changes (etcd's CHANGELOG-3.5); 3.4 has had its last release. */
export function describeOldVersion(version: string): string | undefined {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const isOld = major < 3 || (major === 3 && (minor < 5 || (minor === 5 && patch < 18)));
  if (!isOld) return undefined;
  return `etcd ${version} may lose changes of a watch; every listing makes up for it, minutes late. Use 3.5.18 or later`;
}
