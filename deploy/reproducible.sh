#!/usr/bin/env bash
# Builds the program again, from nothing, and compares it byte by byte with that of an image.
#
# Usage: deploy/reproducible.sh [image]      (ratesheet, if none is named)
# Needs: docker, and the image that the Dockerfile builds on; another one makes another program.
# DOCKER_BUILD_FLAGS: more flags for docker build, such as --network host.
#
# The path that it is built at, the one thing of the machine that a Rust program keeps, is the
# Dockerfile's own. Of the rest of the image only the times differ.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:-ratesheet}
docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}

# The sum of the program of an image.
sum_of() {
    local container
    container=$(docker create "$1")
    docker cp "$container:/ratesheet" - | tar -xO | sha256sum | cut -d ' ' -f 1
    docker rm "$container" > /dev/null
}
there=$(sum_of "$image")
# The program tells the commit that it is of, which the image's label tells as well.
revision=$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "$image")
# shellcheck disable=SC2086 # flags are several words
docker build ${DOCKER_BUILD_FLAGS:-} --no-cache --build-arg REVISION="$revision" -t ratesheet:again . > /dev/null
again=$(sum_of ratesheet:again)
docker rmi ratesheet:again > /dev/null
printf '%s  %s\n%s  built again\n' "$there" "$image" "$again"
[ "$there" = "$again" ]
