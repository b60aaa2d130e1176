#!/bin/sh
# Restarts the endpoints of a backend one after another, so that no request fails: each is drained, restarted when it has
# nothing to do any more, and drained no more when it is up again; in every backend that has it, since all are served by the
# one process.
#
# Usage: docker/rolling_restart.sh [-b BACKEND] [-w SECONDS] COMMAND...
#   COMMAND   restarts one endpoint, and returns when that accepts connections. {} in it is the endpoint: 3 for
#             unix:/run/app/3.sock, host and port for others.
#   BACKEND   whose endpoints (default)
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

# look PYTHON: what this expression makes of `backends`, the endpoints of each by their addresses; of `ours`, those of $backend;
# and of the one that is restarted: `me`, its address, and `places`, the endpoints of each backend in $places. Who `fails` was
# tried and could not be reached: of an idle backend nobody may have tried any.
look() {
  answer=$(ask /backends) || die "Sheaf does not answer at $admin: $answer"
  printf '%s' "$answer" | python3 -c '
import json, sys
name, expression, me, named = sys.argv[1:]
answer = json.load(sys.stdin)["backends"]
backends = {one["name"]: {each["endpoint"]: each for each in one["endpoints"]} for one in answer}
if name not in backends:
    sys.exit(f"there is no backend {name}, but: {chr(44).join(backends)}")
ours = backends[name]
fails = lambda one: not one["up"] and one["failures"] > 0
places = {name: backends[name] for name in named.split() if me in backends.get(name, [])}
print(eval(expression))' "$backend" "$1" "${endpoint:-}" "${places:-}"
}

# wait_until PYTHON: whether the expression became true in time.
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

# drain ACTION: drain or undrain.
drain() {
  for place in $places; do
    ask "/backends/$place/$endpoint/$1" --request POST --output /dev/null || die "$endpoint of $place: $1 was refused"
  done
}

# restart_one COMMAND...
restart_one() {
  number=$(basename "$endpoint" .sock)
  # Not where an operator has drained it.
  places=$(look '" ".join(name for name, ends in backends.items() if ends.get(me, {}).get("state") in ("up", "down"))')
  serves='one["state"] in ("up", "down") and not fails(one)'
  alone="[name for name, ends in places.items() if not any($serves for end, one in ends.items() if end != me)]"
  wait_until "not $alone" ||
    die "$endpoint is not restarted: no other endpoint is up in $(look "chr(32).join($alone)"), and requests would fail"
  # Before it is drained: a signal may come while that is under way.
  trap 'drain undrain' EXIT
  drain drain
  sessions='sum(ends[me]["sessions"] for ends in places.values())'
  wait_until "$sessions == 0" || say "$endpoint still has $(look "$sessions") sessions"
  for word in "$@"; do
    shift
    set -- "$@" "$(printf '%s' "$word" | sed "s|{}|$number|g")"
  done
  trap 'say "$endpoint stays drained: see why it does not come; then POST /backends/BACKEND/$endpoint/undrain for $places"' EXIT
  "$@" || die "this command failed: $*"
  wait_until 'not any(fails(ends[me]) for ends in places.values())' || die "$endpoint is not up $patience s after its restart"
  trap - EXIT
  drain undrain
  say "$endpoint is restarted"
}

# What an operator has drained, or a reload has removed, is left alone.
endpoints=$(look '"\n".join(name for name, one in ours.items() if one["state"] in ("up", "down"))')
[ -n "$endpoints" ] || die "no endpoint of $backend may be restarted"
trap 'exit 130' INT
trap 'exit 143' TERM
for endpoint in $endpoints; do restart_one "$@"; done
