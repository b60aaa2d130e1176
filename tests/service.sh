#!/bin/sh
# The Debian package under a systemd that runs, in a container with a copy of this machine's root file system: installed,
# in front of app@.service, reloaded, watched, upgraded, removed and purged, with everything that the unit forbids in force
# (service_inside.py). Needs root, systemd-container, and the build/venv of tests/install.sh.
# Usage: tests/service.sh [BINARY]      (default: build/release/sheaf; packages are made in its folder)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
binary=${1:-$root/build/release/sheaf}
build=$(CDPATH='' cd -- "$(dirname -- "$binary")" && pwd)
version=$("$binary" --version | sed -n '1s|.* ||p')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for number in 0.0.1 "$version"; do
  (cd "$build" && cpack -D "CPACK_PACKAGE_VERSION=$number" -B "$work/packed") >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done

cat >"$work/sheaf-test.service" <<UNIT
[Unit]
Wants=dbus.service
After=basic.target dbus.service
SuccessAction=exit
FailureAction=exit

[Service]
Type=oneshot
ExecStart=$(realpath "$root/build/venv")/bin/python $root/tests/service_inside.py /packages
StandardOutput=append:/report
StandardError=append:/report
UNIT

cat >"$work/contain.sh" <<'CONTAIN'
set -eu
work=$1
mkdir "$work/copy" && mount -t tmpfs none "$work/copy"
mkdir "$work/copy/upper" "$work/copy/work" "$work/copy/root"
copy=$work/copy/root
mount -t overlay -o "lowerdir=/,upperdir=$work/copy/upper,workdir=$work/copy/work" none "$copy"
mkdir "$copy/packages" && cp "$work"/packed/*.deb "$copy/packages/"
# That of container images keeps services from starting; an index of all man pages of this machine takes seconds.
rm -f "$copy/usr/sbin/policy-rc.d" "$copy/var/lib/man-db/auto-update"
cp "$work/sheaf-test.service" "$copy/etc/systemd/system/"
# Of cgroup v1 a container's systemd sets no limits; the container has one here.
group=/sys/fs/cgroup/memory/sheaf-test-$$
if [ -d /sys/fs/cgroup/memory ]; then
  mkdir "$group"
  trap 'echo $$ >/sys/fs/cgroup/memory/cgroup.procs; rmdir "$group"' EXIT
  echo 1500M >"$group/memory.limit_in_bytes"
  echo $$ >"$group/cgroup.procs"
fi
status=0
timeout 300 systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --console=pipe \
  --directory="$copy" --boot systemd.unit=sheaf-test.service </dev/null >"$work/console" 2>&1 || status=$?
cat "$copy/report" || cat "$work/console"
exit "$status"
CONTAIN
unshare --mount --propagation private sh "$work/contain.sh" "$work"
