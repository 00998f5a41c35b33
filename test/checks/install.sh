#!/usr/bin/env bash
# Installs into build/install and builds programs outside of the tree against it: shared and static
# through pkg-config, and with Troupe as a Meson subproject.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
trap 'echo "$0:$LINENO: failed: $BASH_COMMAND"' ERR
source dev.d/build.sh

stage=$root/build/install
build_packaged
rm -rf "$stage"
quietly "meson install" meson install -C build/packaged --no-rebuild
for file in lib/libtroupe.a lib/libtroupe.so lib/libtroupe.so.0 include/troupe/troupe.h; do
    [ -e "$stage/$file" ] || { echo "not installed: $file"; exit 1; }
done
if find "$stage/include" -type f ! -path '*/include/troupe/*.h' | grep .; then
    echo "installed, but no public header"
    exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp test/checks/consumer/* "$scratch"
cd "$scratch"

export PKG_CONFIG_PATH=$stage/lib/pkgconfig
version=$(awk '/define TR_VERSION_/ { printf "%s%s", dot, $3; dot = "." }' "$stage/include/troupe/troupe.h")
[ "$(pkg-config --modversion troupe)" = "$version" ] || { echo "troupe.pc is not $version"; exit 1; }

read -ra flags <<<"$(pkg-config --cflags --libs troupe)"
gcc -std=c11 -Wall -Wextra -Werror consumer.c -o shared "${flags[@]}"
LD_LIBRARY_PATH=$stage/lib ./shared
g++ -std=c++17 -Wall -Wextra -Werror consumer.cpp -o shared-cpp "${flags[@]}"
LD_LIBRARY_PATH=$stage/lib ./shared-cpp

cp -r "$stage" static-stage
rm static-stage/lib/libtroupe.so*
read -ra flags <<<"$(PKG_CONFIG_PATH=$scratch/static-stage/lib/pkgconfig \
    pkg-config --define-variable=prefix="$scratch/static-stage" --static --cflags --libs troupe)"
gcc -std=c11 -Wall -Wextra -Werror consumer.c -o static "${flags[@]}"
./static
if ldd ./static | grep -q libtroupe; then
    echo "the static program needs a shared libtroupe"
    exit 1
fi

unset PKG_CONFIG_PATH
mkdir subprojects
ln -s "$root" subprojects/troupe
quietly "meson setup, as a subproject" meson setup build-subproject --force-fallback-for=troupe
quietly "building as a subproject" ninja -C build-subproject -j "$JOBS"
if find build-subproject -name 'troupe-bench' -o -name '*_test' | grep .; then
    echo "a subproject builds our programs"
    exit 1
fi
quietly "running as a subproject" meson test -C build-subproject
