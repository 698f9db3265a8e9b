#!/usr/bin/env bash
# Runs all tests and ends with one line: N passed, N failed (and N skipped, if any).
#   ./scripts/test.sh [arguments for dotnet test, such as --filter …]
# QUORATE_SIM_SEEDS (500) sets the number of simulation seeds; .ci/run sets 2000.
# The counts come from the result files of the test projects. A project without a result file (its build failed, or its
# host crashed) counts as one failure.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
cd "$root"
results=$root/artifacts/test-results
rm -rf "$results"
mkdir -p "$results/seeds"
export QUORATE_SIM_SEEDS=${QUORATE_SIM_SEEDS:-500} QUORATE_SIM_PROGRESS=$results/seeds
passed=0 failed=0 skipped=0

if ! dotnet build Cluster.sln -c Release -v:m -nologo; then
    echo "The build failed."
    echo "0 passed, 1 failed"
    exit 1
fi

count() { grep -o "<Counters [^>]*" "$2" | grep -oE "[[:space:]]$1=\"[0-9]+\"" | grep -oE '[0-9]+' | head -1; }

# dotnet test prints nothing until a project is done, so this prints a line every 30 seconds.
report_progress() {
    local started=$SECONDS seeds=""
    trap 'kill $! 2>/dev/null; exit 0' TERM
    while true; do
        sleep 30 & wait $!
        [ "$1" != Simulation ] || seeds=", $(cat "$results"/seeds/* 2>/dev/null | wc -c) seeds of the simulation are done"
        echo "   $1: running for $((SECONDS - started)) s$seeds"
    done
}

# One project after another: some tests start processes, and two cores are not enough for two of them.
for project in tests/*/*.csproj chaos-tests/*.csproj; do
    name=$(basename "$project" .csproj)
    echo "== $project"
    report_progress "$name" & reporter=$!
    code=0
    dotnet test "$project" -c Release --no-build --nologo --results-directory "$results" \
        --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" "$@" || code=$?
    kill "$reporter" && wait "$reporter" || true
    trx=$results/$name.trx
    if [ -e "$trx" ]; then
        total=$(count total "$trx") here=$(count passed "$trx") executed=$(count executed "$trx")
        passed=$((passed + here))
        failed=$((failed + executed - here))
        skipped=$((skipped + total - executed))
        # A failure without a failed test: the host crashed, or a fixture failed.
        if [ $code != 0 ] && [ "$executed" = "$here" ]; then failed=$((failed + 1)); fi
    elif [ $code != 0 ] || grep -rqsE --include='*.cs' '\[(Fact|Theory)' "$(dirname "$project")"; then
        echo "$project left no results (exit code $code)."
        failed=$((failed + 1))
    fi
done

tail=""
[ $skipped = 0 ] || tail=", $skipped skipped"
echo "$passed passed, $failed failed$tail"
[ $failed = 0 ] && [ $passed -gt 0 ]
