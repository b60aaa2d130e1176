#!/bin/sh
# Formats every C++ file in place; with --check it changes nothing, names the files that differ, and fails.
set -eu
cd "$(dirname "$0")/.."
mode=-i
[ "${1:-}" != --check ] || mode="--dry-run --Werror"
# shellcheck disable=SC2086  # the mode is two words
git ls-files -co --exclude-standard '*.cc' '*.h' | xargs clang-format $mode
