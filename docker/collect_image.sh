#!/bin/sh
# Puts together the root file system of the image: the binary, exactly the shared libraries that it loads, CA certificates,
# the conf file, a user. With them goes what says where everything is from: the copyright notices, and for scanners and SBOM
# tools dpkg's entry of each Debian package (one file each, as distroless images have it) and uPlot's package.json.
# Runs in the Dockerfile's build stage.
# Usage: docker/collect_image.sh BUILD ROOT      BUILD: the folder in which ninja has built sheaf
set -eu
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$1
root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# owners FILE...: the Debian packages that own these files, one a line.
owners() { dpkg-query -S "$@" 2>/dev/null | cut -d: -f1 | sort -u; }

describe() { # describe PACKAGE
  mkdir -p "$root/usr/share/doc/$1"
  cp -L "/usr/share/doc/$1/copyright" "$root/usr/share/doc/$1/copyright"
  dpkg-query -s "$1" >"$root/var/lib/dpkg/status.d/$1"
}

# Packages of which something is compiled into the program (RapidJSON, llhttp, ...), and which have no shared library in the
# image: by the headers that the compiler has read, which ninja notes. Of the kernel's headers nothing but numbers remains.
compiled_in() {
  xargs dpkg-query -W -f '${source:Package}\n' <"$work/shared" | sort -u >"$work/sources"
  echo linux >>"$work/sources"
  ninja -C "$build" -t inputs sheaf | grep '\.o$' | xargs ninja -C "$build" -t deps | sed -n 's|^ *\(/.*\)|\1|p' | sort -u >"$work/headers"
  xargs dpkg-query -S <"$work/headers" 2>/dev/null | cut -d: -f1 | sort -u |
    xargs dpkg-query -W -f '${source:Package} ${Package}\n' |
    while read -r from package; do grep -qx "$from" "$work/sources" || echo "$package"; done
}

mkdir -p "$root/usr/bin" "$root/usr/lib/ssl" "$root/etc/sheaf" "$root/etc/ssl/certs" "$root/var/lib/dpkg/status.d" "$root/tmp"
chmod 1777 "$root/tmp"
install -m 755 -s "$build/sheaf" "$root/usr/bin/sheaf"
install -m 644 "$source/conf/sheaf.conf" "$root/etc/sheaf/sheaf.conf"

# ldd prints "name => path (address)", and the loader itself as "path (address)".
for library in $(ldd "$root/usr/bin/sheaf" | grep -o '/[^ ]*'); do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
  # Packages own the path behind the /lib -> /usr/lib link, or the one before it.
  package=$(owners "$(realpath "$library")" "$library" | head -n 1)
  [ -n "$package" ] || { echo "no package owns $library" >&2; exit 1; }
  echo "$package"
done | sort -u >"$work/shared"
compiled_in >"$work/compiled"
# base-files has what says that this is Debian 12.
for package in $(cat "$work/shared" "$work/compiled") ca-certificates base-files; do describe "$package"; done
install -m 644 /usr/lib/os-release "$root/usr/lib/os-release"
ln -s ../usr/lib/os-release "$root/etc/os-release"

# The dashboard's chart library, which is within the program.
chart=$build/proxy/admin/dashboard/node_modules/uplot
install -D -m 644 -t "$root/usr/share/sheaf/node_modules/uplot" "$chart/package.json" "$chart/LICENSE"

# Where OpenSSL looks when upstream.tls_ca is empty.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"

echo 'sheaf:x:65532:65532:Sheaf:/:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'sheaf:x:65532:' >"$root/etc/group"
# Without this file glibc asks the name server before /etc/hosts.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
