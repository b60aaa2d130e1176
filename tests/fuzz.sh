#!/bin/sh
# Builds the fuzz targets and runs each for a while: tests/fuzz.sh [SECONDS (30)] [TARGET...].
# What the fuzzer finds new is kept in build/fuzz/corpus, a failing input in build/fuzz/failures. Exits 1 if one was found.
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-30}
[ $# -eq 0 ] || shift
targets=${*:-request_fuzz response_fuzz frame_fuzz handshake_fuzz inflate_fuzz envelope_fuzz proxy_header_fuzz engine_io_fuzz mux_fuzz admin_fuzz}

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target $targets
python3 tests/fuzz/make_seeds.py build/fuzz/corpus
mkdir -p build/fuzz/failures

failed=
for target in $targets; do
  case $target in
    frame_fuzz | proxy_header_fuzz | mux_fuzz) dictionary= ;;
    envelope_fuzz) dictionary=-dict=tests/fuzz/envelope.dict ;;
    admin_fuzz) dictionary=-dict=tests/fuzz/admin.dict ;;
    engine_io_fuzz) dictionary=-dict=tests/fuzz/engine_io.dict ;;
    *) dictionary=-dict=tests/fuzz/http.dict ;;
  esac
  echo "== $target for $seconds seconds"
  log=build/fuzz/$target.log
  if build/fuzz/tests/fuzz/"$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix=build/fuzz/failures/"$target"- $dictionary build/fuzz/corpus/"$target" >"$log" 2>&1; then
    grep -E 'number_of_executed_units|average_exec_per_sec|peak_rss_mb' "$log"
  else
    tail -40 "$log"
    failed="$failed $target"
  fi
done

if [ -n "$failed" ]; then
  echo "FAILED:$failed (inputs in build/fuzz/failures)"
  exit 1
fi
echo "no failure"
