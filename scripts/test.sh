#!/usr/bin/env bash
# Runs the whole test suite and closes with one line: N passed, N failed (and N skipped, if any).
#   ./scripts/test.sh [arguments for dotnet test, such as --filter …]
# The counts come from the result files that each test project leaves. A project that leaves none (its build failed, its
# host crashed) counts as one failure, so that nothing can fail unseen.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
cd "$root"
results=$root/artifacts/test-results
rm -rf "$results"
mkdir -p "$results"
passed=0 failed=0 skipped=0

if ! dotnet build Cluster.sln -c Release -v:m -nologo; then
    echo "The build failed."
    echo "0 passed, 1 failed"
    exit 1
fi

count() { grep -o "<Counters [^>]*" "$2" | grep -oE "[[:space:]]$1=\"[0-9]+\"" | grep -oE '[0-9]+' | head -1; }
# One after another: two cores, and some tests start processes.
for project in tests/*/*.csproj chaos-tests/*.csproj; do
    name=$(basename "$project" .csproj)
    echo "== $project"
    code=0
    dotnet test "$project" -c Release --no-build --nologo --results-directory "$results" \
        --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" "$@" || code=$?
    trx=$results/$name.trx
    if [ -e "$trx" ]; then
        total=$(count total "$trx") here=$(count passed "$trx") executed=$(count executed "$trx")
        passed=$((passed + here))
        failed=$((failed + executed - here))
        skipped=$((skipped + total - executed))
        # Red without a red test: the host crashed, or a fixture failed.
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
