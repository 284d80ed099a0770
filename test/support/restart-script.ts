import { join } from "node:path";
import type { ContainerdPaths } from "./containerd-config.ts";

/**
 * The daemon gets a mount namespace of its own, with /run and /opt empty: its mounts end with it, and its plugins
 * that use fixed paths there (NRI, opt) neither touch the machine nor meet those of another test. As a site's own
 * start script would, it hands on the variables in `environmentFile`, where that is and it does not set them itself.
 */
export function restartScript(
  paths: ContainerdPaths,
  bin: string,
  environment: Readonly<Record<string, string>>,
): string {
  const assignments = Object.entries(environment).map(([name, value]) => quote(`${name}=${value}`));
  const daemon = [join(bin, "containerd"), "--config", paths.configPath, "--root", paths.root];
  daemon.push("--state", paths.state, "--address", paths.socket);
  const ask = [
    join(bin, "ctr"),
    "--address",
    paths.socket,
    "--connect-timeout",
    "1s",
    "--timeout",
    "2s",
    "version",
  ];
  return `#!/bin/sh
. '${join(paths.dir, "daemons.sh")}'
hold_lock || { echo "another restart does not end" >&2; exit 1; }
deadline=$(($(date +%s) + 45))
stop_daemon "$dir/pids/containerd"
rm -f '${paths.socket}'
size=$(stat -c %s '${paths.logPath}' 2>/dev/null || echo 0)
set --
if [ -f '${paths.environmentFile}' ]; then
  while IFS= read -r line; do case $line in [A-Z]*=*) set -- "$@" "$line" ;; esac; done <'${paths.environmentFile}'
fi
env -i "$@" ${assignments.join(" ")} setsid unshare --mount --propagation private sh -c '
  mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /opt && exec "$@"
' lab ${daemon.map(quote).join(" ")} </dev/null >>'${paths.logPath}' 2>&1 9>&- &
pid=$!
echo $pid >"$dir/pids/containerd"
while [ "$(date +%s)" -lt $deadline ]; do
  kill -0 $pid 2>/dev/null || break
  [ ! -S '${paths.socket}' ] || ! ${ask.map(quote).join(" ")} >/dev/null 2>&1 || exit 0
  sleep 0.05
done
echo "containerd does not answer on ${paths.socket}; its log ends with:" >&2
tail -c "+$((size + 1))" '${paths.logPath}' | tail -n 20 >&2
exit 1
`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
