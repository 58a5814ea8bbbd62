#!/bin/sh
# build.sh OUT: compiles the agent, the same bytes from the same sources and compiler wherever it is built.
set -eu
out=$(realpath -m "$1")
cd "$(dirname "$0")"

flags="-std=gnu17 -D_GNU_SOURCE -static -O2 -Wall -Wextra -Werror"
flags="$flags -ffile-prefix-map=$PWD=. -Wl,--build-id=none -s ${CFLAGS:-}"
if command -v musl-gcc >/dev/null; then
    # The kernel's own headers are not among musl's; they come last.
    compiler="musl-gcc -idirafter /usr/include/$(gcc -print-multiarch) -idirafter /usr/include"
else
    compiler=gcc
fi
mkdir -p "$(dirname "$out")"
exec $compiler $flags -o "$out" ./*.c
