#!/usr/bin/env bash
# Makes sure that there is a Pulumi CLI of the pinned version, and prints its path. In this order: a `pulumi` on PATH,
# the user's cache, Pulumi's own installer (which needs the internet, and gets little time), a build from Go's modules
# (about 7 minutes on an idle machine of two cores, 18 on a busy one; 1.7 GB of memory). The two last fill the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/progress.sh

version=$(sed -n 's/^PINNED_VERSION = "\(.*\)"$/\1/p' infra/keyspaces_infra/command.py)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/keyspaces-migration"
cached="$cache/pulumi-$version"
installer_timeout_s="${PULUMI_INSTALLER_TIMEOUT_S:-60}"
export PULUMI_SKIP_UPDATE_CHECK=true

say() { printf '\033[1m[pulumi]\033[0m %s\n' "$*" >&2; }
fail() { printf '[pulumi] %s\n' "$*" >&2; exit 1; }
is_pinned() { [ -x "$1" ] && [ "$("$1" version 2>/dev/null)" = "v$version" ]; }

# Whole or not at all: a copy that was cut short must not look like the CLI.
keep() {
  mv "$1" "$cached.new.$$"
  chmod 755 "$cached.new.$$"
  mv "$cached.new.$$" "$cached"
}

from_installer() {
  say "Pulumi's own installer, for at most $installer_timeout_s s"
  # The SDK knows where the installer is; nothing here does.
  local code='import sys
from pathlib import Path
from semver import VersionInfo
from pulumi.automation import PulumiCommand
sys.stderr = Path(sys.argv[1], "installer.log").open("w")
PulumiCommand.install(root=sys.argv[1] + "/installed", version=VersionInfo.parse(sys.argv[2]), skip_version_check=True)'
  with_progress "installer" timeout --kill-after=5 "$installer_timeout_s" \
    .venv/bin/python -c "$code" "$work" "$version" || return 1
  is_pinned "$work/installed/bin/pulumi" && keep "$work/installed/bin/pulumi"
}

from_go() {
  command -v go >/dev/null 2>&1 || fail "no Pulumi $version, its installer did not get through, and there is no Go to build it with. Put pulumi $version on PATH"
  say "building from Go's modules; later runs find it in $cached"
  local flag="-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$version"
  (
    cd tools/pulumi-cli
    export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly
    with_progress "go build" nice go build -trimpath -ldflags "-s -w $flag" -o "$work/pulumi" \
      github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
  ) || fail "the build failed. Put pulumi $version on PATH"
  is_pinned "$work/pulumi" || fail "the build gave $("$work/pulumi" version), and $version is wanted: tools/pulumi-cli/go.mod and PINNED_VERSION disagree"
  keep "$work/pulumi"
}

[ -n "$version" ] || fail "infra/keyspaces_infra/command.py names no PINNED_VERSION"
on_path=$(command -v pulumi || true)
if [ -n "$on_path" ] && is_pinned "$on_path"; then
  echo "$on_path"
  exit 0
fi
mkdir -p "$cache"
# One at a time: two builds at once would need twice the memory and take twice as long.
exec {lock}>"$cache/.pulumi.lock"
flock "$lock"
if ! is_pinned "$cached"; then
  work=$(mktemp -d "$cache/.pulumi-work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  from_installer || { say "the installer did not get through"; from_go; }
fi
echo "$cached"
