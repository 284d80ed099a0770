/** What certs.d can have wrong: names, hosts.toml files, and the files these name. Title of each. */
export const HOSTS_FINDINGS = {
  "hosts-file-dropped": "containerd drops a hosts.toml whole",
  "hosts-file-bom": "a byte order mark makes containerd drop a hosts.toml",
  "hosts-file-capability": "a capability that this containerd does not know makes it drop a hosts.toml",
  "hosts-file-no-host-table": "without a host table this containerd drops a hosts.toml",
  "hosts-file-ipv6-header": "brackets in a header make this containerd drop a hosts.toml",
  "hosts-file-wrong-type": "a value of the wrong type makes containerd drop a hosts.toml",
  "hosts-file-bad-url": "a host that is no URL makes containerd drop a hosts.toml",
  "hosts-file-bad-duration": "a bad dial_timeout makes containerd drop a hosts.toml",
  "hosts-file-crash": "a hosts.toml crashes containerd",
  "hosts-file-unreadable": "a hosts.toml cannot be read",
  "hosts-file-empty": "a hosts.toml is empty",
  "hosts-file-name": "a hosts.toml has another name",
  "link-dangling": "a symbolic link leads to nothing",
  "mirror-not-used": "pulls do not go to a mirror that the files name",
} as const;
