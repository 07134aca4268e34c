#!/usr/bin/env bash
# Builds the server plug-in of local Keyspaces into the user's cache, and prints the jar's path.
# The folder is named after the sources, so that a second call is quick and clones of different age don't disturb each other.
set -euo pipefail
cd "$(dirname "$0")/../rehearsal/local_keyspaces/plugin"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/keyspaces-migration/local-keyspaces"
stamp=$(find pom.xml src -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
jar="$cache/$stamp/local-keyspaces.jar"
if [ ! -e "$jar" ]; then
  mkdir -p "$cache"
  built=$(mktemp -d "$cache/.building-XXXXXX")
  trap 'rm -rf "$built"' EXIT
  # Built from a copy: Maven writes beside its sources, and two builds must not meet there.
  cp -r pom.xml src "$built/"
  mvn --batch-mode --quiet --file "$built/pom.xml" package "$@" >&2
  mkdir -p "$cache/$stamp"
  mv "$built/target/local-keyspaces.jar" "$jar.$$"
  mv "$jar.$$" "$jar"
fi
echo "$jar"
