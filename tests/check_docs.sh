#!/bin/sh
# Whether the generated documents are what the binary says, every conf file is valid, every option and every metric is
# documented, and what the documents name is there: links, paths, options, metrics, flags, examples (check_docs.py).
# Usage: tests/check_docs.sh [BINARY]      (default: build/release/sheaf)
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sheaf=${1:-$root/build/release/sheaf}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  failures=$((failures + 1))
}

# The environment is emptied, since SHEAF_* variables are configuration too.
run_sheaf() { env -i "$sheaf" "$@"; }

compare() { # <flag> <file>
  run_sheaf "$1" >"$work/printed" || fail "sheaf $1 did not succeed"
  diff -u "$root/$2" "$work/printed" >&2 || fail "$2 differs from the tables it is written from: sheaf $1 > $2"
}

if ! [ -x "$sheaf" ]; then
  fail "there is no binary at $sheaf: build it, or name another"
  exit 1
fi

compare --print-default-config conf/sheaf.conf
compare --print-options-manual conf/OPTIONS.md
compare --print-admin-manual proxy/admin/api.md
compare --print-manual-page conf/man/sheaf.1
compare --print-bash-completion conf/completions/sheaf.bash
compare --print-zsh-completion conf/completions/_sheaf

for conf in "$root"/conf/*.conf; do
  run_sheaf --check -c "$conf" >/dev/null || fail "$conf is not valid"
done

# Names are taken from the tables' sources, not from the binary that made the documents.
option_table=$root/proxy/base/option_rows.h
options=$(sed -n -e 's/^  BEGIN([A-Za-z]*, \([a-z_]*\),.*/[\1]/p' \
    -e 's/^  OPTION([^,]*, \([a-z_0-9]*\),.*/\1/p' "$option_table" |
  awk '/^\[/ { section = substr($0, 2, length($0) - 2) "."; next } { print section $0 }')
[ "$(echo "$options" | wc -l)" -ge 50 ] || fail "too few options found in $option_table: has its form changed?"
for option in $options; do
  grep -qF "\`$option\`" "$root/conf/OPTIONS.md" || fail "option $option is not in conf/OPTIONS.md"
done

# The counters by route and rule are in no table.
metrics=$(grep -oh '"sheaf_[a-z0-9_]*"' "$root/proxy/base/metric_table.h" "$root/proxy/base/prometheus.cc" | tr -d '"' | sort -u)
[ -n "$metrics" ] || fail "no metrics found in proxy/base/metric_table.h: has its form changed?"
for metric in $metrics; do
  grep -qswF "$metric" "$root/conf/METRICS.md" || fail "metric $metric is not in conf/METRICS.md"
done

said=$(python3 "$root/tests/check_docs.py" "$sheaf") || fail "what the documents name is not all there: see above"

if [ "$failures" -ne 0 ]; then
  printf '%d checks of the documents failed\n' "$failures" >&2
  exit 1
fi
echo "conf files are valid; documented: $(echo "$options" | wc -l) options, $(echo "$metrics" | wc -l) metrics; $said"
