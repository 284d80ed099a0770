# Sourced by what fetches Debian packages for tests.

# The mirror of this machine's own Debian suites, as apt itself understands its configuration.
debian_mirror() {
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$codename" '
      $3 == "main" && $2 == codename { print $1; exit }
      $3 == "main" && $2 ~ /^(stable|oldstable|testing|bookworm|trixie|forky)$/ && !other { other = $1 }
      END { if (other) print other }' | head -n 1
}
