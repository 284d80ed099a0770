/** What certs.d can have wrong: names, hosts.toml files, and the files these name. Title of each. */
export const HOSTS_FINDINGS = {
  "hosts-file-dropped": "containerd drops a hosts.toml whole",
  "mirror-not-used": "pulls do not go to a mirror that the files name",
} as const;
