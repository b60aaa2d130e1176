#!/bin/sh
# Restarts the endpoints of a backend one after another, so that no request fails: each is drained, restarted when it has
# nothing to do any more, and drained no more when it is up again.
#
# Usage: docker/rolling_restart.sh [-b BACKEND] [-w SECONDS] COMMAND...
#   COMMAND   restarts one endpoint, and returns when that accepts connections. {} in it is the endpoint: 3 for
#             unix:/run/app/3.sock, host and port for others.
#   BACKEND   default
#   SECONDS   the longest that an endpoint is waited for, to have nothing to do, and to be up again (60); who is still there
#             then is closed by the restart
# Environment: SHEAF_ADMIN: where Sheaf's admin listener is (http://127.0.0.1:9901, unix:/run/sheaf/admin.sock);
# SHEAF_ADMIN_TOKEN: its token, which it asks for unless it is a Unix socket.
#
#   SHEAF_ADMIN=unix:/run/sheaf/admin.sock docker/rolling_restart.sh systemctl restart 'app@{}'
#
# Exit status 1: something did not work, and whoever was not restarted yet runs on as before. Needs curl and python3.
set -eu
admin=${SHEAF_ADMIN:-http://127.0.0.1:9901}
backend=default
patience=60

say() { printf '== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

while getopts b:w: option; do
  case $option in
    b) backend=$OPTARG ;;
    w) patience=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "usage: $0 [-b BACKEND] [-w SECONDS] COMMAND..."

# ask PATH [OPTION...]: the answer of the admin listener. The token goes by a pipe, since arguments can be seen by all.
ask() {
  path=$1
  shift
  case $admin in
    unix:*) set -- "$@" --unix-socket "${admin#unix:}" "http://localhost$path" ;;
    *) set -- "$@" "$admin$path" ;;
  esac
  if [ -n "${SHEAF_ADMIN_TOKEN:-}" ]; then printf 'header = "Authorization: Bearer %s"\n' "$SHEAF_ADMIN_TOKEN"; fi |
    curl --config - --globoff --silent --show-error --fail-with-body --max-time 10 "$@"
}

# look PYTHON: what this expression makes of the backend's endpoints, `all`.
look() {
  answer=$(ask /backends) || die "Sheaf does not answer at $admin: $answer"
  printf '%s' "$answer" | python3 -c '
import json, sys
backends = {one["name"]: one["endpoints"] for one in json.load(sys.stdin)["backends"]}
if sys.argv[1] not in backends:
    sys.exit(f"there is no backend {sys.argv[1]}, but: {chr(44).join(backends)}")
all = {one["endpoint"]: one for one in backends[sys.argv[1]]}
me = sys.argv[3] if len(sys.argv) > 3 else ""
print(eval(sys.argv[2]))' "$backend" "$1" "${endpoint:-}"
}

# wait_until PYTHON: whether the expression, about `all` and `me`, became true in time.
wait_until() {
  left=$((patience * 4))
  while :; do
    seen=$(look "$1") || exit 1
    [ "$seen" != True ] || return 0
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.25
  done
}

drain() { ask "/backends/$backend/$endpoint/$1" --request POST --output /dev/null || die "$endpoint: $1 was refused"; }

# restart_one COMMAND...
restart_one() {
  number=$(basename "$endpoint" .sock)
  wait_until 'any(one["state"] == "up" for name, one in all.items() if name != me)' ||
    die "$endpoint is not restarted: no other endpoint is up, and requests would fail"
  # Before it is drained: a signal may come while that is under way.
  trap 'drain undrain' EXIT
  drain drain
  wait_until 'all[me]["sessions"] == 0' || say "$endpoint still has $(look 'all[me]["sessions"]') sessions"
  for word in "$@"; do
    shift
    set -- "$@" "$(printf '%s' "$word" | sed "s|{}|$number|g")"
  done
  trap 'say "$endpoint stays drained: see why it does not start, then POST /backends/$backend/$endpoint/undrain"' EXIT
  "$@" || die "this command failed: $*"
  wait_until 'all[me]["up"]' || die "$endpoint is not up $patience s after its restart"
  trap - EXIT
  drain undrain
  say "$endpoint is restarted"
}

# What an operator has drained, or a reload has removed, is left alone.
endpoints=$(look '"\n".join(name for name, one in all.items() if one["state"] in ("up", "down"))')
[ -n "$endpoints" ] || die "no endpoint of $backend may be restarted"
trap 'exit 130' INT
trap 'exit 143' TERM
for endpoint in $endpoints; do restart_one "$@"; done
