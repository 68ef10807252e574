#!/bin/sh
# Builds the container image with what is there: docker, podman or buildah.
#
#     image.sh NAME BASE [STAGE]
#
# buildah: BUILDAH_ISOLATION=chroot where containers are not permitted; BUILDAH names the
# command with its options. The docker format keeps HEALTHCHECK, which OCI's has no word for.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^#define PETSTORE_VERSION "\(.*\)"$/\1/p' plugin/base/version.h)
name=$1
base=$2
stage=${3:-}

build()
{
	"$@" ${stage:+--target "$stage"} --build-arg BASE="$base" --build-arg VERSION="$version" \
		-t "$name" -f docker/Dockerfile .
}

if [ -z "${BUILDAH:-}" ] && docker info >/dev/null 2>&1; then
	build docker build
elif [ -z "${BUILDAH:-}" ] && command -v podman >/dev/null; then
	build podman build --format docker
elif [ -n "${BUILDAH:-}" ] || command -v buildah >/dev/null; then
	# shellcheck disable=SC2086 # a command with options
	build ${BUILDAH:-buildah} build --layers --format docker
else
	echo "image: install docker (with its engine running), podman or buildah" >&2
	exit 77
fi
