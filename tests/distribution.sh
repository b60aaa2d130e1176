#!/bin/sh
# Builds Sheaf with the packages of a Debian release, in a folder of its own with nothing else of this machine: compiled with
# -Werror, unit tests run, a page served. Takes a quarter of an hour on two idle cores, so it is no part of tests/run.sh.
# Usage: tests/distribution.sh [SUITE [FOLDER]]    bookworm or trixie (default); FOLDER is kept, and used again
# Environment: SHEAF_CMAKE: more for cmake (-DSHEAF_FETCH_LLHTTP=ON). Needs root and mmdebstrap.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
suite=${1:-trixie}
folder=${2:-}

say() { printf '== %s\n' "$*"; }

if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  remove=yes
fi
# shellcheck disable=SC2317,SC2329  # called by the trap
clean_up() {
  for place in proc dev; do umount "$folder/$place" 2>/dev/null || true; done
  [ -z "${remove:-}" ] || rm -rf --one-file-system "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ ! -e "$folder/etc/os-release" ]; then
  say "making a root file system of $suite"
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-pip "$suite" "$folder"
fi
cp /etc/resolv.conf "$folder/etc/resolv.conf"
# Of a proxy that makes its own certificates: npm's name for them.
[ ! -f "${NODE_EXTRA_CA_CERTS:-}" ] || install -D -m 644 "$NODE_EXTRA_CA_CERTS" "$folder$NODE_EXTRA_CA_CERTS"
mountpoint -q "$folder/proc" || mount -t proc none "$folder/proc"
mountpoint -q "$folder/dev" || mount --bind /dev "$folder/dev"
# Anew, lest what the tree has no more be compiled.
rm -rf "$folder/src"
mkdir -p "$folder/src"
(cd "$root" && git ls-files | tar -c -T -) | tar -x -C "$folder/src"

cat >"$folder/build.sh" <<'BUILD'
set -eu
cd /src
tests/install.sh build
# shellcheck disable=SC2086  # words on purpose
cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DSHEAF_COMMIT=unknown $SHEAF_CMAKE >/build.log 2>&1 || { cat /build.log; exit 1; }
cmake --build /build
ctest --test-dir /build --output-on-failure --no-tests=error -R '^unit\.'
/build/sheaf --version
BUILD
cat >"$folder/smoke.py" <<'SMOKE'
import socket, subprocess, sys, threading, time, urllib.request
from http.server import HTTPServer, SimpleHTTPRequestHandler

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
backend = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
threading.Thread(target=backend.serve_forever, daemon=True).start()
options = [f"listen.address=127.0.0.1:{port}", f"upstream.url=http://127.0.0.1:{backend.server_port}", "admin.address=",
           "drain.delay=0s"]
sheaf = subprocess.Popen([sys.argv[1], *(word for option in options for word in ("--set", option))])
for left in range(100, -1, -1):
    try:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
        break
    except OSError:
        assert left, "nobody answers"
        time.sleep(0.1)
assert b"Directory listing" in page
sheaf.terminate()
assert sheaf.wait(30) == 0
print("served, and ended with 0")
SMOKE
say "building, testing and running it on $suite"
# The rest of the environment stays: it may say how packages are reached from here.
unset CC CXX CFLAGS CXXFLAGS LDFLAGS CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER
SHEAF_CMAKE=${SHEAF_CMAKE:-} chroot "$folder" sh /build.sh
chroot "$folder" python3 /smoke.py /build/sheaf
say "$suite will do"
