#!/bin/sh
# Puts together the root file system of the image: the binary, exactly the shared libraries that it loads and their
# copyright notices, CA certificates, the conf file, a user. Runs in the Dockerfile's build stage.
# Usage: docker/collect_image.sh BINARY ROOT
set -eu
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
binary=$1
root=$2

mkdir -p "$root/usr/bin" "$root/etc/sheaf" "$root/etc/ssl/certs" "$root/usr/lib/ssl" "$root/tmp"
chmod 1777 "$root/tmp"
install -m 755 -s "$binary" "$root/usr/bin/sheaf"
install -m 644 "$source/conf/sheaf.conf" "$root/etc/sheaf/sheaf.conf"

# ldd prints "name => path (address)", and the loader itself as "path (address)".
libraries=$(ldd "$root/usr/bin/sheaf" | grep -o '/[^ ]*')
for library in $libraries; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
  # Packages own the path behind the /lib -> /usr/lib link, or the one before it.
  package=$(dpkg-query -S "$(realpath "$library")" "$library" 2>/dev/null | head -n 1 | cut -d: -f1)
  [ -n "$package" ] || { echo "no package owns $library" >&2; exit 1; }
  mkdir -p "$root/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done

# Where OpenSSL looks when upstream.tls_ca is empty.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"

echo 'sheaf:x:65532:65532:Sheaf:/:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'sheaf:x:65532:' >"$root/etc/group"
