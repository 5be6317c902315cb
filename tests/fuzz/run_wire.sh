#!/bin/sh
# Builds and runs the fuzzer of the wire scanner: run_wire.sh [seconds] [seed] [file to save the corpus in].
# HEADERS names another copy of native/kairos_native. Prints seed, executions and findings; status 1 on a finding.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
headers=${HEADERS:-$here/../../native/kairos_native}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
sanitize="-g -O1 -Wall -Wextra -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
gcc $sanitize -fsanitize-coverage=trace-pc -I"$headers" -I"$here" -c "$here/wire_target.c" -o "$build/wire_target.o"
gcc -O2 -Wall -Wextra -g -I"$here" -c "$here/wire_fuzz.c" -o "$build/wire_fuzz.o"
gcc -fsanitize=address,undefined -no-pie "$build/wire_target.o" "$build/wire_fuzz.o" -lm -o "$build/wire_fuzz"
"$build/wire_fuzz" "${1:-10}" "${2:-$(date +%s)}" "$here/wire.corpus" ${3:+"$3"}
