# counted NAME COMMAND…: runs a command, keeps its output in build/logs/NAME.log and adds the tests
# it counted in a last line of its own to the totals. sum prints them and fails if any failed.

passed=0 failed=0 skipped=0
SUM_LINE='^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$'

counted() {
    local log=build/logs/$1.log status=0 line
    shift
    mkdir -p build/logs
    "$@" 2>&1 | tee "$log" | sed -u -E "/$SUM_LINE/d" || status=1
    line=$(grep -E "$SUM_LINE" "$log" | tail -n 1) || true
    if [[ $line =~ $SUM_LINE ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + BASH_REMATCH[3]))
    fi
    return $status
}

sum() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
