# need GROUP…: makes sure that the tools and libraries of the groups are there. Debian packages are
# installed only when something is missing; when nothing is, no package manager is called.

have() { command -v "$1" >/dev/null 2>&1; }
have_library() { have pkg-config && pkg-config --exists "$1"; }
have_compiler() { have "${CC:-cc}" && echo '#include <stdio.h>' | "${CC:-cc}" -E - >/dev/null 2>&1; }
have_clang_tsan() { have clang && [ -n "$(clang_runtime tsan)" ]; }
clang_runtime() {
    find "$(clang -print-resource-dir)/lib" -name "libclang_rt.$1*.a" 2>/dev/null | head -n 1
}

# Prints the packages of one group that are missing.
missing() {
    case "$1" in
    build)
        have_compiler || echo build-essential
        have meson || echo meson
        have ninja || echo ninja-build
        have pkg-config || echo pkg-config
        have python3 || echo python3
        have_library libuv || echo libuv1-dev
        have_library jemalloc || echo libjemalloc-dev
        ;;
    unit)
        have_library criterion || echo libcriterion-dev
        ;;
    gcc)
        have gcc || echo gcc
        have g++ || echo g++
        have nm || echo binutils
        ;;
    clang)
        have clang || echo clang
        have_clang_tsan || echo libclang-rt-14-dev
        have llvm-symbolizer || have llvm-symbolizer-14 || echo llvm
        ;;
    format)
        have clang-format || echo clang-format
        ;;
    esac
}

need() {
    local group packages=()
    for group in "$@"; do
        mapfile -t -O "${#packages[@]}" packages < <(missing "$group")
    done
    [ ${#packages[@]} -eq 0 ] && return 0

    local install="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    local as_root=()
    if ! have apt-get; then
        echo "missing: ${packages[*]} (Debian's names; install what your system calls them)" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! have sudo; then
            printf 'Some packages are missing. As root, run:\n    %s\n' "$install" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "installing ${packages[*]}"
    local log
    log=$(mktemp)
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "$install" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        printf 'The installation failed. As root, run:\n    %s\n' "$install" >&2
        exit 1
    fi
    rm -f "$log"
    hash -r
}
