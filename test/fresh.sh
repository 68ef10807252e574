#!/bin/bash
# Two commands in a newcomer's place: clones the last commit on small Debian systems that have
# git, make and gcc and nothing else, and runs `make run` there. Closes with one line: N
# passed, N failed.
#
#     fresh.sh [SUITE...]     bookworm trixie
#
# FULL=1 runs `make test` there as well, which takes long; its last line is shown.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=test/count.sh
. test/count.sh

suites=("$@")
[ $# -gt 0 ] || suites=(bookworm trixie)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q --bare . "$work/petstore.git"

on_each fresh-inside.sh "${FULL:-}"
closing
