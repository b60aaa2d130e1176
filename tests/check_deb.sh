#!/bin/sh
# The Debian package: built, looked through by lintian, and installed, upgraded, removed and purged on a throwaway copy of
# this machine's root file system. With a systemd that runs: tests/service.sh.
# Usage: tests/check_deb.sh [BINARY]      (default: build/release/sheaf; the package is made in its folder)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
binary=${1:-$root/build/release/sheaf}
build=$(CDPATH='' cd -- "$(dirname -- "$binary")" && pwd)
version=$("$binary" --version | sed -n "1s|.* ||p")

say() { printf '== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pack VERSION: a package of this version, in $work.
pack() {
  (cd "$build" && cpack -D "CPACK_PACKAGE_VERSION=$1" -B "$work/packed-$1") >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  mv "$work/packed-$1/sheaf_$1-1_"*.deb "$work/$1.deb"
}

check_contents() {
  say "what is in it"
  mkdir "$work/files"
  dpkg-deb -R "$1" "$work/files"
  for path in usr/bin/sheaf etc/sheaf/sheaf.conf usr/lib/systemd/system/sheaf.service usr/share/man/man1/sheaf.1.gz \
    usr/share/bash-completion/completions/sheaf usr/share/zsh/vendor-completions/_sheaf usr/share/doc/sheaf/copyright \
    usr/share/doc/sheaf/README.md usr/share/doc/sheaf/conf/OPTIONS.md usr/share/doc/sheaf/docker/rolling_restart.sh; do
    [ -f "$work/files/$path" ] || die "the package has no $path"
  done
  python3 "$root/tests/installed_links.py" "$work/files/usr/share/doc/sheaf" || die "links of installed documents lead nowhere"
  grep -q '^Depends: .*libssl3' "$work/files/DEBIAN/control" || die "the package does not depend on the libraries it loads"
  grep -qx 'ExecStart=/usr/bin/sheaf -c /etc/sheaf/sheaf.conf' "$work/files/usr/lib/systemd/system/sheaf.service" ||
    die "the unit starts something else"
  zcat "$work/files/usr/share/doc/sheaf/changelog.Debian.gz" | head -n 1 | grep -qF "sheaf ($version-1)" ||
    die "conf/debian/changelog does not begin with $version-1, the program's version"
  lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs --allow-root "$1"
  systemd-analyze security --offline=yes --threshold=20 "$work/files/usr/lib/systemd/system/sheaf.service" |
    grep Overall || die "the unit is exposed more than 2.0"
}

check_prefix() {
  say "cmake --install below another prefix"
  mkdir -p "$work/dest/opt/x/etc/sheaf"
  echo "workers = 3" >"$work/dest/opt/x/etc/sheaf/sheaf.conf"
  DESTDIR=$work/dest cmake --install "$build" --prefix /opt/x >/dev/null
  [ "$(cat "$work/dest/opt/x/etc/sheaf/sheaf.conf")" = "workers = 3" ] || die "the operator's conf file is written over"
  grep -qx 'ExecStart=/opt/x/bin/sheaf -c /opt/x/etc/sheaf/sheaf.conf' "$work/dest/opt/x/lib/systemd/system/sheaf.service" ||
    die "the unit below /opt/x starts something else"
  outside=$(find "$work/dest" -type f ! -path "$work/dest/opt/x/*")
  [ -z "$outside" ] || die "outside of the prefix: $outside"
}

# Everything below happens in a mount namespace of its own, on a copy that is written to memory.
check_life() {
  say "installed, upgraded, removed, purged"
  cat >"$work/life.sh" <<'LIFE'
set -eu
work=$1 version=$2
die() { printf '%s\n' "$*" >&2; exit 1; }
mkdir "$work/copy" && mount -t tmpfs none "$work/copy"
mkdir "$work/copy/upper" "$work/copy/work" "$work/copy/root"
mount -t overlay -o "lowerdir=/,upperdir=$work/copy/upper,workdir=$work/copy/work" none "$work/copy/root"
mount --rbind /dev "$work/copy/root/dev"
mount -t proc none "$work/copy/root/proc"
cp "$work"/*.deb "$work/copy/root/"
rm -f "$work/copy/root/var/lib/man-db/auto-update"  # an index of all man pages of this machine takes seconds
inside() { DEBIAN_FRONTEND=noninteractive chroot "$work/copy/root" "$@"; }

inside dpkg -i /0.0.1.deb >/dev/null
conf=$work/copy/root/etc/sheaf/sheaf.conf
wanted=$work/copy/root/etc/systemd/system/multi-user.target.wants/sheaf.service
inside sheaf -t -c /etc/sheaf/sheaf.conf
inside id sheaf >/dev/null
inside man -w sheaf >/dev/null || die "there is no man page"
# shellcheck disable=SC2016  # zsh's
inside zsh -c 'autoload -U compinit && compinit -D -u && [ "$_comps[sheaf]" = _sheaf ]' || die "zsh does not complete it"
[ -L "$wanted" ] || die "the service is not enabled"
echo '# mine' >>"$conf"

inside systemctl disable sheaf.service 2>/dev/null
inside dpkg -i "/$version.deb" >/dev/null
[ "$(inside dpkg-query -W -f '${Version}' sheaf)" = "$version-1" ] || die "not upgraded"
grep -qx '# mine' "$conf" || die "an upgrade lost the operator's line"
[ ! -L "$wanted" ] || die "an upgrade enabled what the operator had disabled"

inside dpkg -r sheaf >/dev/null
[ ! -e "$work/copy/root/usr/bin/sheaf" ] || die "the program is still there"
grep -qx '# mine' "$conf" || die "removing took the conf file"
inside dpkg -P sheaf >/dev/null
rm "$work/copy/root/"*.deb
left=$(find "$work/copy/upper" -name '*sheaf*' ! -path "$work/copy/upper$work*")
[ -z "$left" ] || die "left behind: $left"
if grep -H '^sheaf:' "$work/copy/root/etc/passwd" "$work/copy/root/etc/group"; then die "left behind: a user"; fi
LIFE
  unshare --mount --propagation private sh "$work/life.sh" "$work" "$version"
}

pack "$version"
check_contents "$work/$version.deb"
check_prefix
if [ "$(id -u)" -eq 0 ]; then
  pack 0.0.1
  check_life
else
  say "not installed: that needs root"
fi
say "the package is good"
