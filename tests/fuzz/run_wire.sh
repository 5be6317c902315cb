#!/bin/sh
# Builds and runs the fuzzer of the wire scanner: run_wire.sh [seconds] [seed] [corpus file].
# Prints seed, executions and findings; status 1 on a finding. HEADERS names another copy of
# native/kairos_native.
# VALGRIND=1 runs the corpus, and some mutations of it, under valgrind without the sanitizers: it
# sees reads of unset memory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
headers=${HEADERS:-$here/../../native/kairos_native}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
common="-g -Wall -Wextra -I$headers -I$here"
if [ "${VALGRIND:-0}" = 1 ]; then
    gcc $common -O1 -fsanitize-coverage=trace-pc -c "$here/wire_target.c" -o "$build/wire_target.o"
    gcc $common -O2 -no-pie "$build/wire_target.o" "$here/wire_fuzz.c" -lm -o "$build/wire_fuzz"
    valgrind -q --error-exitcode=1 \
        "$build/wire_fuzz" "${1:-10}" "${2:-$(date +%s)}" "$here/wire.corpus"
    exit
fi
sanitizers="-fsanitize=address,undefined"
sanitize="$common -O1 -fno-omit-frame-pointer $sanitizers -fno-sanitize-recover=all"
gcc $sanitize -fsanitize-coverage=trace-pc -c "$here/wire_target.c" -o "$build/wire_target.o"
gcc $common -O2 -c "$here/wire_fuzz.c" -o "$build/wire_fuzz.o"
gcc $sanitizers -no-pie "$build/wire_target.o" "$build/wire_fuzz.o" -lm -o "$build/wire_fuzz"
"$build/wire_fuzz" "${1:-10}" "${2:-$(date +%s)}" "$here/wire.corpus" ${3:+"$3"}
