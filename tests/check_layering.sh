#!/bin/sh
# Proves the layering: who may include whom, which library is seen where, that every source has a header of its own name,
# and that nothing but what belongs there stands at the top level. Prints each violation as file:line: what is wrong. Exits
# 1 if there is one. ROOT=FOLDER checks another tree.
set -eu
cd "${ROOT:-$(dirname "$0")/..}"

# Who may include whom: a folder, and the folders its files may name in quotes. `proxy` is the files directly in it.
# Which library is seen where: the headers in angle brackets, and the files that may name them.
rules='
folder proxy/base  proxy/base
folder proxy/wire  proxy/wire proxy/base
folder proxy/net   proxy/net proxy/base
folder pool        pool proxy/net proxy/wire proxy/base
folder batching    batching proxy/wire proxy/base
folder memwatch    memwatch proxy/base
folder proxy/control  proxy/control proxy/net proxy/base
folder proxy/doctor   proxy/doctor proxy/plan pool proxy/net proxy/wire proxy/base
folder proxy/plan     proxy/plan pool batching memwatch proxy/net proxy/wire proxy/base
folder proxy/outbox   proxy/outbox proxy/plan pool batching proxy/net proxy/wire proxy/base
folder proxy/session  proxy/session proxy/outbox proxy/plan pool batching proxy/net proxy/wire proxy/base
folder proxy/http     proxy/http proxy/plan pool proxy/net proxy/wire proxy/base
folder proxy/admin    proxy/admin pool memwatch proxy/net proxy/wire proxy/base
folder proxy/cli      proxy/cli proxy/net proxy/wire proxy/base
folder proxy/config   proxy/config proxy/cli proxy/plan proxy/doctor pool batching memwatch proxy/net proxy/wire proxy/base
folder proxy       proxy proxy/admin proxy/cli proxy/config proxy/http proxy/session proxy/outbox proxy/plan proxy/control proxy/doctor proxy/net proxy/wire proxy/base pool batching memwatch
header ^(event2/|event\.h|evhttp|evdns)   ^proxy/net/
header ^openssl/(evp|sha)\.h$             ^proxy/(net|wire)/
header ^openssl/                          ^proxy/net/
header ^llhttp                            ^proxy/wire/
header ^zlib\.h                           ^proxy/wire/(ws_deflate|libraries)
header ^glog/                             ^proxy/logging\.(h|cc)$
header ^rapidjson/                        ^(proxy/admin/json_(writer|reader)\.h|proxy/cli/json_reader\.h|(proxy/((admin|cli|config)/[a-z_]*|libraries|logging)|batching/(packet|envelope_[a-z_]*))\.cc)$
header ^toml\+\+/                         ^proxy/(config/[a-z_]*|libraries)\.cc$
header ^CLI/                              ^proxy/config/(command_line|subcommands)\.cc$
'

# Every #include of the product's own C++ files, as file:line:text. A folder may not exist yet.
includes() {
  for folder in proxy pool batching memwatch; do
    [ ! -d "$folder" ] || find "$folder" -name '*.h' -o -name '*.cc'
  done | LC_ALL=C sort | xargs grep -HnE '^[[:space:]]*#[[:space:]]*include'
}

wrong_includes() {
  includes | RULES=$rules awk '
    function folder_of(path) { return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : "." }
    BEGIN {
      count = split(ENVIRON["RULES"], lines, "\n")
      for (i = 1; i <= count; ++i) {
        parts = split(lines[i], words, " ")
        if (words[1] == "folder") for (k = 3; k <= parts; ++k) { may[words[2], words[k]] = 1; known[words[2]] = 1 }
        if (words[1] == "header") { header[++headers] = words[2]; place[headers] = words[3] }
      }
    }
    {
      split($0, at, ":")
      file = at[1]
      where = file ":" at[2] ": "
      target = $0
      if (target ~ /include[ \t]*</) {
        sub(/^[^<]*</, "", target)
        sub(/>.*$/, "", target)
        for (i = 1; i <= headers; ++i) {
          if (target !~ header[i]) continue
          if (file !~ place[i]) print where "<" target "> may be included only in " place[i]
          break
        }
        next
      }
      sub(/^[^"]*"/, "", target)
      sub(/".*$/, "", target)
      from = folder_of(file)
      if (!(from in known)) print where from " is in no rule of tests/check_layering.sh"
      else if (!((from, folder_of(target)) in may)) print where from " may not include \"" target "\""
    }'
}

wrong_entries() {
  for entry in *; do
    case $entry in
      CMakeLists.txt | CMakePresets.json | README.md | proxy | batching | pool | memwatch | tests | docker | conf) ;;
      build) ;; # never committed
      *) echo "$entry:1: does not belong at the top level" ;;
    esac
  done
}

# A source without a header of its own name: nobody could say what it is for, or who may use it.
lonely_sources() {
  for folder in proxy pool batching memwatch; do
    [ ! -d "$folder" ] || find "$folder" -name '*.cc'
  done | LC_ALL=C sort | while read -r source; do
    [ "$source" = proxy/main.cc ] || [ -f "${source%.cc}.h" ] || echo "$source:1: has no header of its own name"
  done
}

violations=$(wrong_includes && wrong_entries && lonely_sources)
if [ -n "$violations" ]; then
  printf '%s\n' "$violations"
  exit 1
fi
echo "layering holds"
