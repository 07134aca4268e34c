#!/usr/bin/env bash
# Runs every kind of test, the quick ones first, and says how long each took. All run even when one fails,
# so that one CI run shows all that is wrong; the exit status is failure if any failed.
set -uo pipefail
cd "$(dirname "$0")/.."
. tools/progress.sh
export PATH="$PWD/.venv/bin:$PATH"
failed=()
step() {
  local name=$1 began=$SECONDS
  shift
  printf '\n\033[1m== %s\033[0m\n' "$name"
  if with_progress "$name" "$@"; then printf '== %s: passed in %d s\n' "$name" $((SECONDS - began)); else
    printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - began))
    failed+=("$name")
  fi
}
marker=()
if [ "${1:-}" = full ]; then export HYPOTHESIS_PROFILE=thorough; else marker=(-m "not full"); fi
step lint ruff check .
step format ruff format --check .
step types mypy
step "migration files" python -m keyspaces_migration.config validate dags/migrations
step "unit tests" pytest tests/unit -q -n 2 --durations=15 "${marker[@]}"
# Each of the two has nodes of its own; the tests of a file share them, and stay together.
step "integration tests" pytest tests/integration -q -n 2 --dist loadfile --durations=40 "${marker[@]}"
# The time-out is for one test with its fixtures, and the first one takes the whole rehearsal.
step "end-to-end tests" pytest tests/end_to_end -q --timeout 3000 --durations=10 "${marker[@]}"
((${#failed[@]} == 0)) || { printf '\nfailed: %s\n' "${failed[*]}"; exit 1; }
printf '\nall passed in %d s\n' "$SECONDS"
