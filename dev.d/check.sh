# ./dev check [STEP…]: everything that is not the plain test run. A step that fails does not hide
# the later ones; the last line counts steps and the tests that they ran.

STEPS=(includes atomics sources links format headers gcc symbols install debug clang asan tsan)

run_tests() { # run_tests BUILD BUDGET ARGUMENT…
    local name=$1 budget=$2
    shift 2
    python3 dev.d/run_tests.py --build "build/$name" --label "$name/" --budget "$budget" "$@"
}

step_includes() { python3 test/checks/includes.py; }
step_atomics() { python3 test/checks/atomics.py; }
step_sources() { python3 test/checks/sources.py; }
step_links() { python3 test/checks/links.py; }
step_format() {
    local file status=0
    while IFS= read -r -d '' file; do
        clang-format "$file" | diff -U0 --label "$file" --label "$file, formatted" "$file" - ||
            status=1
    done < <(our_sources)
    [ $status -eq 0 ] || echo "put right by ./dev format"
    return $status
}
step_headers() { test/checks/headers.sh; }
step_gcc() { build_gcc; }
step_symbols() { build_packaged && python3 test/checks/symbols.py build/packaged; }
step_install() { test/checks/install.sh; }
step_debug() {
    build_debug && run_tests debug 120 --suites unit,property,model,integration,stress \
        --stress-seconds 1
}
step_clang() {
    build_clang && run_tests clang 120 --suites unit,property,model,integration,stress,examples \
        --stress-seconds 1
}
step_asan() {
    build_asan && run_tests asan 200 --suites unit,property,model,integration,stress,examples \
        --stress-seconds 2 --timeout-factor 3
}
step_tsan() {
    build_tsan && run_tests tsan 240 --suites unit,property,model,integration,stress,examples \
        --stress-seconds 3 --timeout-factor 5 --wrap "$(tsan_wrap)"
}

check_main() {
    if [ "${1-}" = --list ]; then
        printf '%s\n' "${STEPS[@]}"
        return
    fi
    local steps=("${STEPS[@]}") step
    [ $# -gt 0 ] && steps=("$@")
    for step in "${steps[@]}"; do
        declare -F "step_$step" >/dev/null || fail_usage "check: no step $step (${STEPS[*]})"
    done
    need build unit gcc clang format

    local number=0 broken=()
    for step in "${steps[@]}"; do
        number=$((number + 1))
        local start=$SECONDS verdict=ok
        echo "== [$number/${#steps[@]}] $step"
        if counted "$step" "step_$step"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1)) verdict=FAILED
            broken+=("$step")
        fi
        echo "== [$number/${#steps[@]}] $step $verdict $((SECONDS - start)) s"
    done
    [ ${#broken[@]} -gt 0 ] && echo "failed: ${broken[*]} (again: ./dev check ${broken[*]})"
    sum
}
