#!/usr/bin/env bash
# Brings a Debian machine with Python, Java 17, Maven and Go to where `make test` and `make rehearsal` can run.
# Idempotent, and quick when nothing is missing: each step leaves a stamp named after what it was made from.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/progress.sh

say() { printf '\033[1m[setup]\033[0m %s\n' "$*" >&2; }
fail() { printf '[setup] %s\n' "$*" >&2; exit 1; }

# Debian packages that are missing, by the command that shows them.
install_system_packages() {
  local -a missing=()
  local pair
  for pair in "$@"; do command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair#*:}"); done
  ((${#missing[@]})) || return 0
  local -a as_root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
    as_root=(sudo -n)
  fi
  command -v apt-get >/dev/null 2>&1 || fail "missing: ${missing[*]}, and this machine has no apt-get. Install what provides them."
  say "apt-get install ${missing[*]}"
  with_progress "apt-get update" "${as_root[@]}" apt-get update -qq
  with_progress "apt-get install" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The server programs for the ledger's tests, which start a server of their own. Debian's package would make one more,
# which goes on running and which nobody asked for; its setting is put back afterwards.
install_postgresql() {
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && return
  command -v postgres >/dev/null 2>&1 && return
  install_system_packages pg_conftool:postgresql-common
  local -a as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  local status=0 settings=/etc/postgresql-common/createcluster.conf ours='create_main_cluster = false # while the tests are set up'
  echo "$ours" | "${as_root[@]}" tee -a "$settings" >/dev/null
  (install_system_packages postgres:postgresql) || status=$?
  "${as_root[@]}" sed -i "/^$ours$/d" "$settings"
  return "$status"
}

# The newest of the supported interpreters that answers, unless PYTHON names one.
choose_python() {
  local candidate
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "no Python 3.11, 3.12 or 3.13 with venv found (looked for ${PYTHON:-python3.13 python3.12 python3.11 python3}). Install one, or name it: make PYTHON=/path/to/python …"
}

make_environment() {
  local stamp
  stamp=".venv/.made-from-$(cat requirements/locked.txt pyproject.toml | sha256sum | cut -c1-16)"
  [ -e "$stamp" ] && return
  local python
  python=$(choose_python)
  say "Python environment in .venv from $("$python" --version), about 20 s with a warm cache, a few minutes without"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  with_progress "pip" .venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
  with_progress "200 packages" .venv/bin/uv pip sync --quiet --require-hashes requirements/locked.txt
  .venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
  rm -f .venv/.made-from-* .venv/.spark-from-* # the sync has taken away what is not in that list
  touch "$stamp"
}

# PySpark and what it brings: it has no wheel, so that pip would run its setup.py anew each time; uv keeps what it built.
add_spark() {
  local stamp
  stamp=".venv/.spark-from-$(cat requirements/spark.txt | sha256sum | cut -c1-16)"
  [ -e "$stamp" ] && return
  say "PySpark (335 MB), about 20 s with a warm cache"
  with_progress "PySpark" .venv/bin/uv pip install --quiet --require-hashes --no-deps -r requirements/spark.txt
  rm -f .venv/.spark-from-*
  touch "$stamp"
}

fetch_cassandra() {
  # Jars that somebody named are theirs: used as they are, and never replaced.
  [ -z "${CASSANDRA_LIB:-}" ] || return 0
  local stamp lib="$cache/cassandra-5.0.6"
  stamp="$lib/.made-from-$(sha256sum rehearsal/cassandra/pom.xml | cut -c1-16)"
  [ -e "$stamp" ] && return
  say "Cassandra's jars from Maven Central (66 MB, about 35 s)"
  # Filled beside its place and moved there whole: a fetch that was cut short must not look like a complete one.
  rm -rf "$lib" "$lib.new"
  with_progress "Cassandra" mvn --batch-mode --quiet --file rehearsal/cassandra/pom.xml \
    dependency:copy-dependencies -DoutputDirectory="$lib.new"
  touch "$lib.new/${stamp##*/}"
  mv "$lib.new" "$lib"
}

# With its sources unchanged this is a look at their digest.
build_local_keyspaces() {
  with_progress "local Keyspaces' plug-in" tools/build-local-keyspaces.sh >/dev/null
}

# Cassandra 5.0 runs on nothing newer than Java 17, and the plug-in of local Keyspaces on nothing older.
check_java() {
  local major
  major=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.specification.version = //p')
  case "$major" in
    17) ;;
    *) fail "java on PATH is version ${major:-unknown}, and local Keyspaces (Cassandra 5.0 with a plug-in) runs on 17. Put it first on PATH: apt-get install openjdk-17-jdk-headless" ;;
  esac
}

# Building the CLI from source takes many minutes where nothing quicker is to be had, so it goes on beside the rest.
start_pulumi() {
  pulumi_log="$cache/install-pulumi.log"
  setsid tools/install-pulumi.sh >"$pulumi_log" 2>&1 &
  pulumi=$!
  # It has a process group of its own, which would go on building when this script is left early.
  trap 'kill -- "-$pulumi" 2>/dev/null || true' EXIT
}

wait_for_pulumi() {
  local status=0
  with_progress "Pulumi's CLI (log: $pulumi_log)" wait "$pulumi" || status=$?
  trap - EXIT
  ((status == 0)) && return
  tail -n 20 "$pulumi_log" >&2
  fail "Pulumi's CLI could not be had; the end of $pulumi_log is above"
}

cache="${XDG_CACHE_HOME:-$HOME/.cache}/keyspaces-migration"
mkdir -p "$cache"

install_system_packages javac:openjdk-17-jdk-headless mvn:maven
check_java
make_environment
[ "${1:-}" = without-pulumi ] || start_pulumi
fetch_cassandra
build_local_keyspaces
case "${1:-}" in
  with-browser) install_system_packages chromium:chromium ;;
  for-tests)
    install_system_packages chromium:chromium
    install_postgresql
    add_spark
    ;;
  with-spark) add_spark ;;
esac
[ "${1:-}" = without-pulumi ] || wait_for_pulumi
