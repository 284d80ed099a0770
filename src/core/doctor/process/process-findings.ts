/** Where the containerd that runs differs from what the files say. Title of each. */
export const PROCESS_FINDINGS = {
  "config-newer-than-daemon": "containerd started before its configuration was changed",
  "config-not-read": "containerd was started with another configuration file",
  "config-read-otherwise": "containerd's own reading of its configuration differs from ours",
  "files-seen-otherwise": "containerd sees other files than these",
  "files-unreadable": "containerd may not read its registry configuration",
  "daemon-not-running": "containerd does not run",
  "cri-not-answering": "the containerd that runs does not serve pulls",
  "version-not-running": "the containerd that runs is not the one installed",
  "mirror-through-proxy": "containerd asks a mirror through a proxy",
  "proxy-ignored": "a proxy variable is no URL, so that containerd goes without",
  "proxy-variables-differ": "a proxy variable is set twice, in upper and in lower case",
  "ca-variable-dangling": "a certificate variable names what is not there",
  "ca-newer-than-daemon": "containerd started before a certificate was added to the system",
  "unit-not-in-force": "the environment of containerd's unit was changed and is not in force",
  "docker-without-mirrors": "Docker on this node has no mirror",
} as const;
