# Sourced by the scripts beside it: runs a command and says every 10 s that it is still at work, so that nobody
# has to guess whether a long step hangs. The command stays in the foreground, as Ctrl-C must reach it.
with_progress() {
  local name=$1 beat status=0
  shift
  (
    began=$SECONDS
    # A read that never gets a byte waits without a `sleep` that would outlive this shell.
    exec {silence}<> <(:)
    while ! read -r -t 10 -u "$silence"; do printf '   … %s: %d s so far\n' "$name" $((SECONDS - began)); done
  ) >&2 &
  beat=$!
  "$@" || status=$?
  kill "$beat" 2>/dev/null
  wait "$beat" 2>/dev/null || true
  return "$status"
}
