#!/bin/sh
# Installs what Sheaf's build, demo and tests need on Debian 12, Debian 13 and Ubuntu 24.04: the packages that are missing, the pinned Python packages
# into build/venv, the pinned JavaScript clients into build/clients. May be run twice: the second run finds all in place.
# Usage: tests/install.sh [build|demo|all]    build: the compiler's side only; demo: that and the backend; default all.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
what=${1:-all}

say() { printf '== %s\n' "$*"; }

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$ID $VERSION_ID")
case $release in
  "debian 12" | "ubuntu 24.04") llhttp=node-llhttp ;;  # its sources
  *) llhttp=libllhttp-dev ;;
esac
packages="g++ cmake ninja-build pkg-config libevent-dev libssl-dev zlib1g-dev rapidjson-dev libtomlplusplus-dev
  libcli11-dev libgoogle-glog-dev npm doctest-dev $llhttp"
case $what in
  build) ;;
  demo) packages="$packages python3-venv" ;;
  all) packages="$packages python3-venv prometheus nginx openssl util-linux iproute2 procps chromium man-db zsh lintian
    dpkg-dev systemd" ;;
  *) echo "usage: $0 [build|demo|all]" >&2; exit 2 ;;
esac

# A tool that is there by other means than its Debian package is as good (a newer node, say).
have() {
  case $1 in
    g++ | cmake | npm) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    prometheus) command -v promtool >/dev/null ;;
    # Ubuntu has it as a snap alone; the tests of pages need one from elsewhere there.
    chromium) [ "${release% *}" = ubuntu ] || command -v chromium >/dev/null ;;
    *) dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed ;;
  esac
}

missing=""
for package in $packages; do
  have "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  say "installing Debian packages:$missing"
  sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "these packages are missing and this is not root:$missing" >&2; exit 1; }
    sudo=sudo
  fi
  $sudo apt-get update -qq
  # shellcheck disable=SC2086  # the list is words on purpose; of prometheus and nginx the programs are wanted, not the services
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
[ "$what" = build ] && exit 0

if [ "$what" = demo ]; then requirements=$root/docker/demo/requirements.txt; else requirements=$root/tests/requirements.txt; fi
stamp=$(cat "$root/docker/demo/requirements.txt" "$requirements" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$root/build/venv/.stamp-$what" 2>/dev/null)" != "$stamp" ]; then
  say "installing Python packages into build/venv"
  mkdir -p "$root/build"
  [ -x "$root/build/venv/bin/python" ] || /usr/bin/python3 -m venv "$root/build/venv"
  "$root/build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  printf '%s\n' "$stamp" >"$root/build/venv/.stamp-$what"
fi

if [ "$what" = all ]; then
  for name in eio3 debian12 packaging load; do
    stamp=$(sha256sum <"$root/tests/requirements-$name.txt" | cut -d' ' -f1)
    [ "$(cat "$root/build/$name/.stamp" 2>/dev/null)" != "$stamp" ] || continue
    say "installing tests/requirements-$name.txt into build/$name"
    rm -rf "$root/build/$name"
    "$root/build/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$root/build/$name" \
      -r "$root/tests/requirements-$name.txt"
    printf '%s\n' "$stamp" >"$root/build/$name/.stamp"
  done
fi

[ "$what" != all ] || "$root/tests/install_helm.sh"

# The demo needs the clients alone; all that the tests need besides takes ten times the room.
omit=""
[ "$what" = demo ] && omit=--omit=dev
stamp=$(sha256sum <"$root/tests/clients/package-lock.json" | cut -d' ' -f1)
installed=$(cat "$root/build/clients/.stamp" 2>/dev/null || true)
if [ "$installed" != "$stamp all" ] && [ "$installed" != "$stamp $what" ]; then
  say "installing JavaScript clients into build/clients"
  mkdir -p "$root/build/clients"
  cp "$root/tests/clients/package.json" "$root/tests/clients/package-lock.json" "$root/build/clients/"
  # shellcheck disable=SC2086  # none or one word
  (cd "$root/build/clients" && npm ci --silent --no-audit --no-fund $omit)
  printf '%s\n' "$stamp $what" >"$root/build/clients/.stamp"
fi
