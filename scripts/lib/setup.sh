# Shared by scripts/test and scripts/demo: what a fresh machine needs before anything of ours can run.
# Sourced, not run; expects to be in the repository's root.

say() { echo "$(basename "$0"): $*" >&2; }
die() { say "$*"; exit 1; }

is_debian() { command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; }
is_root() { [ "$(id -u)" = 0 ]; }

# Names the packages, then installs them; without root or apt it only names them.
install_packages() {
  [ $# -gt 0 ] || return 0
  if ! is_debian || ! is_root; then
    say "these Debian packages are missing and cannot be installed here (no root or no apt): $*"
    return 1
  fi
  say "installing Debian packages: $*"
  apt-get -qq update >&2 || return 1
  apt_install "$@" && return
  # Some release may lack one of them: the others are still of use.
  local package failed=0
  for package; do apt_install "$package" || failed=1; done
  return "$failed"
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >&2; }

node_major() { node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p'; }

require_node() {
  local candidate
  [ "$(node_major || true)" -ge 20 ] 2>/dev/null && command -v npm >/dev/null && return
  if is_debian && is_root; then
    apt-get -qq update >&2 || true
    candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/ *Candidate: \([0-9]*\).*/\1/p')
    if [ "${candidate:-0}" -ge 20 ]; then
      install_packages nodejs npm && [ "$(node_major)" -ge 20 ] && return
    fi
  fi
  die "Node.js 20 or newer with npm is needed, and this distribution has none that is new enough.
  Get it from https://nodejs.org/en/download (a .tar.xz to unpack anywhere; put its bin/ on PATH) or from the
  NodeSource packages (https://github.com/nodesource/distributions), then run this again."
}

# The exact dependencies of package-lock.json; nothing when they are there already.
install_dependencies() {
  # npm ci would empty what the link points to.
  [ ! -L node_modules ] || die "node_modules is a symbolic link: remove it, and run this again"
  if [ package-lock.json -nt node_modules/.package-lock.json ] || [ ! -d node_modules ]; then
    say "installing npm packages"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || die "npm ci failed"
    touch node_modules/.package-lock.json
  fi
}

# The lab's machine packages and its unpacked daemons. Fails, with its reason printed, where they cannot be had.
prepare_lab() {
  local missing
  is_debian || { say "no lab: the daemons are Debian packages, and this machine has no apt"; return 1; }
  missing=$(./scripts/lab-fetch --machine-packages)
  # shellcheck disable=SC2086 # a list of names
  install_packages $missing || true
  ./scripts/lab-fetch
}

# What else tests run: browser, shells, checkers, and the node that tests boot. Fails, with its reason printed, without the node.
prepare_nodes() {
  local missing
  missing=$(./scripts/lab-fetch --test-packages)
  # shellcheck disable=SC2086 # a list of names
  install_packages $missing || true
  ./scripts/lab-node || return 1
  ./scripts/lab-node trixie || say "the test on a node with Debian 13 will be skipped, for the reason above"
  [ "${MIRRORLET_SWEEP:-}" != full ] || ./scripts/lab-node jammy ||
    say "the test on a node with Ubuntu 22.04 will be skipped, for the reason above"
}
