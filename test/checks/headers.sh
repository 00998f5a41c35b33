#!/usr/bin/env bash
# Each public header compiles alone, as C11 and as C++17, with both compilers, without a warning;
# so do the macros that C and C++ programs use.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

compiles() { # compiles COMPILER LANGUAGE STANDARD FILE
    "$1" -x "$2" -std="$3" -Iinclude -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only "$4" ||
        { echo "$4 fails as $3 with $1"; status=1; }
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for header in include/troupe/*.h; do
    name=$(basename "$header")
    file=$scratch/$name.c
    echo "#include <troupe/$name>" >"$file"
    compiles gcc c c11 "$file"
    compiles clang c c11 "$file"
    compiles g++ c++ c++17 "$file"
    compiles clang++ c++ c++17 "$file"
done
compiles gcc c c11 test/checks/consumer/consumer.c
compiles clang c c11 test/checks/consumer/consumer.c
compiles g++ c++ c++17 test/checks/consumer/consumer.cpp
compiles clang++ c++ c++17 test/checks/consumer/consumer.cpp
exit $status
