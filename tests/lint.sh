#!/bin/sh
# clang-tidy over the product's sources, with .clang-tidy's checks; fails on any finding. Arguments: only these files.
set -eu
cd "$(dirname "$0")/.."
# A configuration of clang's own: it does not know all of g++'s options.
cmake -S . -B build/lint -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DSHEAF_TESTS=OFF >/dev/null
if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046  # file names here have no spaces
  set -- $(git ls-files -co --exclude-standard 'proxy/*.cc' 'pool/*.cc' 'batching/*.cc' 'memwatch/*.cc')
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy -p build/lint --quiet
