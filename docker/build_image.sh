#!/bin/sh
# Builds the image from docker/Dockerfile, starts it in front of a small backend, and checks that it serves, is not root,
# writes nowhere and ends well. With a Docker engine it uses that; without one buildah, on a Debian base made by mmdebstrap.
# Usage: docker/build_image.sh [IMAGE]      default: sheaf:latest
# Environment: SHEAF_IMAGE_TOOL=docker|buildah to choose. buildah here needs root (chroot isolation, vfs storage).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
image=${1:-sheaf:latest}
base=localhost/debian:12-slim
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
cd "$root"

say() { printf '== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

tool=${SHEAF_IMAGE_TOOL:-}
if [ -z "$tool" ]; then
  if docker info >/dev/null 2>&1; then tool=docker; else tool=buildah; fi
fi

work=$(mktemp -d)
container=""
proxy=""
backend=""
# shellcheck disable=SC2317,SC2329  # called by the trap
clean_up() {
  for process in $proxy $backend; do kill "$process" 2>/dev/null || true; done
  if [ -n "$container" ]; then
    if [ "$tool" = docker ]; then docker rm -f "$container" >/dev/null 2>&1 || true
    else buildah rm "$container" >/dev/null 2>&1 || true; fi
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A Debian 12 base, as the machine itself reaches Debian: its own sources and its own way to fetch, where it is Debian 12.
make_base() {
  buildah inspect --type image "$base" >/dev/null 2>&1 && return
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
  say "making the base image $base"
  apt-config dump | grep -E '^Acquire::(Check|[Hh]ttps?|Retries|ForceIPv)' >"$work/apt.conf" || true
  sources=""
  # shellcheck source=/dev/null
  if [ "$(. /etc/os-release && echo "$ID $VERSION_ID")" = "debian 12" ]; then
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
      [ ! -s "$file" ] || sources="$sources $file"
    done
  fi
  # shellcheck disable=SC2086  # the sources are words on purpose
  mmdebstrap --quiet --variant=minbase --aptopt="$work/apt.conf" bookworm "$work/base.tar" $sources
  made=$(buildah from scratch)
  buildah add --quiet "$made" "$work/base.tar" / >/dev/null
  buildah config --cmd /bin/sh "$made"
  buildah commit --quiet --rm "$made" "$base" >/dev/null
}

build() {
  commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
  case $tool in
    docker)
      say "building $image with docker"
      docker build --build-arg "SHEAF_COMMIT=$commit" -f docker/Dockerfile -t "$image" .
      ;;
    buildah)
      make_base
      say "building $image with buildah"
      buildah build --layers --pull-never --format docker --ignorefile docker/Dockerfile.dockerignore \
        --build-arg "BASE=$base" --build-arg "SHEAF_COMMIT=$commit" -f docker/Dockerfile -t "$image" .
      ;;
    *) die "SHEAF_IMAGE_TOOL must be docker or buildah" ;;
  esac
}

# Prints a free port.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# fetch URL: prints status and body, or "000" when nobody answers.
fetch() {
  python3 - "$1" <<'PYTHON'
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=5)
except urllib.error.HTTPError as error:
    answer = error
except OSError:
    sys.exit(print("000"))
print(answer.status, answer.read().decode())
PYTHON
}

wait_for_status() { # wait_for_status STATUS URL
  for _ in $(seq 100); do
    case $(fetch "$2") in "$1"*) return 0 ;; esac
    sleep 0.1
  done
  sed 's/^/  sheaf: /' "$work/log" >&2
  die "$2 did not answer with $1"
}

# run_image ARGUMENTS...: the image's entry point, in the foreground, root file system read-only.
run_image() {
  if [ "$tool" = docker ]; then
    docker run --rm --read-only --cap-drop ALL --network host "$image" "$@"
  else
    buildah run "$container" -- /usr/bin/sheaf "$@"
  fi
}

start_image() {
  if [ "$tool" = docker ]; then
    container=$(docker run -d --read-only --cap-drop ALL --security-opt no-new-privileges --network host \
      -e "SHEAF_LISTEN_ADDRESS=127.0.0.1:$port" -e "SHEAF_UPSTREAM_URL=http://127.0.0.1:$backend_port" \
      -e "SHEAF_ADMIN_ADDRESS=127.0.0.1:$admin_port" -e SHEAF_DRAIN_DELAY=0s "$image")
    docker logs -f "$container" >"$work/log" 2>&1 &
    return
  fi
  buildah run --cap-drop ALL --env "SHEAF_LISTEN_ADDRESS=127.0.0.1:$port" \
    --env "SHEAF_UPSTREAM_URL=http://127.0.0.1:$backend_port" --env "SHEAF_ADMIN_ADDRESS=127.0.0.1:$admin_port" \
    --env SHEAF_DRAIN_DELAY=0s "$container" -- /usr/bin/sheaf -c /etc/sheaf/sheaf.conf >"$work/log" 2>&1 &
  proxy=$!
}

# The process as this machine sees it.
process_of_sheaf() {
  if [ "$tool" = docker ]; then docker inspect --format '{{.State.Pid}}' "$container"
  else sed -n 's/.* listening .* pid=\([0-9]*\).*/\1/p' "$work/log"; fi
}

list_files() {
  if [ "$tool" = docker ]; then
    docker create --name "sheaf-list-$$" "$image" >/dev/null
    docker export "sheaf-list-$$" | tar -t
    docker rm "sheaf-list-$$" >/dev/null
  else
    (cd "$(buildah mount "$container")" && find . -type f | sed 's|^\./||')
  fi
}

check() {
  say "checking $image"
  [ "$tool" = docker ] || container=$(buildah from --pull-never "$image")
  list_files >"$work/files"
  if grep -E '(^|/)(sh|bash|dash|busybox|apt|dpkg|perl|python3)$' "$work/files"; then die "the image has a shell or tools"; fi
  run_image --version
  run_image --check -c /etc/sheaf/sheaf.conf | head -n 1

  port=$(free_port) backend_port=$(free_port) admin_port=$(free_port)
  mkdir "$work/page" && echo "hello from the backend" >"$work/page/index.html"
  python3 -m http.server --bind 127.0.0.1 --directory "$work/page" "$backend_port" >/dev/null 2>&1 &
  backend=$!
  start_image
  wait_for_status 200 "http://127.0.0.1:$admin_port/readyz"
  [ "$(fetch "http://127.0.0.1:$port/")" = "200 hello from the backend" ] || die "the backend's page did not come through"
  run_healthcheck || die "sheaf --healthcheck fails while the proxy is ready"

  process=$(process_of_sheaf)
  user=$(awk '/^Uid:/ { print $2, $3 }' "/proc/$process/status")
  [ "$user" = "65532 65532" ] || die "it runs as user '$user', not 65532"
  capabilities=$(awk '/^CapEff:/ { print $2 }' "/proc/$process/status")
  [ "$capabilities" = 0000000000000000 ] || die "it has capabilities: $capabilities"
  # Sockets, pipes, eventfds and /dev/null, but no file that is open for writing.
  for descriptor in "/proc/$process/fd/"*; do
    case $(readlink "$descriptor") in
      /dev/null | socket:* | pipe:* | anon_inode:* | "$work/log" | /proc/*) ;;
      *) die "it holds a file: $(readlink "$descriptor")" ;;
    esac
  done

  kill "$backend" && wait "$backend" 2>/dev/null || true
  backend=""
  wait_for_status 503 "http://127.0.0.1:$admin_port/readyz"
  if run_healthcheck 2>/dev/null; then die "sheaf --healthcheck succeeds without a backend"; fi
  kill -TERM "$process"
  if [ "$tool" = docker ]; then status=$(docker wait "$container"); else status=0; wait "$proxy" || status=$?; fi
  proxy=""
  [ "$status" -eq 0 ] || die "it ended with status $status after SIGTERM"
  say "it serves, as 65532 without capabilities, and ends with 0 after SIGTERM"
}

run_healthcheck() {
  if [ "$tool" = docker ]; then
    docker exec "$container" /usr/bin/sheaf --healthcheck
  else
    buildah run --env "SHEAF_ADMIN_ADDRESS=127.0.0.1:$admin_port" "$container" -- /usr/bin/sheaf --healthcheck
  fi
}

build
check
if [ "$tool" = docker ]; then docker images "$image"; else buildah images "$image"; fi
