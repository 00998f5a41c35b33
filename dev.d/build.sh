# build NAME SETTING…: configures build/NAME when it is new or its settings have changed, and builds.

JOBS=${JOBS:-$(nproc)}

# The sources that clang-format looks after, NUL-separated.
our_sources() {
    find include base mailbox scheduler runtime bench test examples \
        \( -name '*.c' -o -name '*.h' \) -print0
}

quietly() { # quietly TITLE COMMAND…: shows what the command printed only when it fails
    local title=$1 log
    shift
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        echo "$title failed:"
        grep -v '^\[[0-9]*/[0-9]*\] [CLG]' "$log" | head -n 200 # not the steps that went well
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

configure() {
    local directory=build/$1 settings wipe=()
    shift
    settings="CC=${CC-} CFLAGS=${CFLAGS-} LDFLAGS=${LDFLAGS-} $*"
    if [ -f "$directory/build.ninja" ]; then
        [ "$(cat "$directory/.settings" 2>/dev/null)" = "$settings" ] && return 0
        wipe=(--wipe)
    else
        rm -rf "$directory"
    fi
    mkdir -p build
    quietly "meson setup $directory" \
        meson setup "${wipe[@]}" "$directory" -Db_colorout=auto "$@" || return 1
    printf '%s\n' "$settings" >"$directory/.settings"
}

build() {
    local name=$1
    echo "building build/$name"
    configure "$@" || return 1
    local ninja=(ninja -C "build/$name" -j "$JOBS" -k 0)
    if [ -t 1 ]; then "${ninja[@]}"; else quietly "building build/$name" "${ninja[@]}"; fi
}

# -g changes no code; it lets a debugger name the lines of a hung test.
build_gcc() { CC=gcc build gcc -Dbuildtype=release -Dwerror=true -Dc_args=-g; }
build_clang() { CC=clang build clang -Dbuildtype=release -Dwerror=true -Dc_args=-g; }
build_debug() { CC=gcc build debug -Dbuildtype=debug -Dwerror=true; }
build_asan() {
    CC=gcc build asan -Dbuildtype=debugoptimized -Dwerror=true -Dasserts=enabled -Dallocator=system \
        -Dbench=disabled -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args="-fno-sanitize-recover=all -fno-omit-frame-pointer -O1"
}
build_tsan() {
    CC=clang build tsan -Dbuildtype=debugoptimized -Dwerror=true -Dasserts=enabled \
        -Dallocator=system -Dbench=disabled -Db_sanitize=thread -Db_lundef=false \
        -Dc_args=-fno-omit-frame-pointer
}

build_packaged() { # what a distribution would build; installed into build/install by a check
    build packaged -Dbuildtype=release -Dtests=disabled -Dbench=disabled -Dexamples=disabled \
        --prefix="$PWD/build/install" --libdir=lib
}

# What to run a ThreadSanitizer program under: nothing, or, on kernels whose address layout it does
# not understand, a fixed layout.
tsan_wrap() {
    local probe=build/tsan/probe
    echo 'int main(void) { return 0; }' | clang -fsanitize=thread -x c -o "$probe" -
    if ! "$probe" >/dev/null 2>&1; then echo "setarch -R"; fi
}
