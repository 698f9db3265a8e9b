#!/usr/bin/env bash
# Upgrades and downgrades a running cluster: three coordinators under load are replaced one at a time, from an earlier build
# to this one and back again. At the end they are replaced by a build of the next feature level (chaos-tests/canaries), the
# level rises after `quorate upgrade release`, and the earlier build must refuse the data.
#   ./scripts/mixed-versions.sh [--old COMMIT] [--cycles 20] [--json]
# The earlier build is the commit in eng/mixed-versions-baseline, or --old. It is built from the git history into
# artifacts/mixed, once. With --json, the last line of stdout is one object with cycles, rounds, failedRounds,
# updatesRetrained, historiesEqual, raised and oldBuildRefused.
# Exit codes: 0 success, or skipped because there is no history (with CI=true that is 1); 1 a round failed, an update was
# trained twice, histories differ, the level did not rise or the earlier build did not refuse; 2 bad arguments, or a build failed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
usage() { echo "usage: mixed-versions.sh [--old COMMIT] [--cycles N] [--json]" >&2; exit 2; }
skip() {
    echo "Skipped: $1" >&2
    [ "${CI:-}" != true ] || exit 1
    exit 0
}
old="" cycles=20 json=()
while [ $# -gt 0 ]; do
    case $1 in
        --old) [ $# -gt 1 ] || usage; old=$2; shift 2 ;;
        --cycles) [ $# -gt 1 ] || usage; cycles=$2; shift 2 ;;
        --json) json=(--json); shift ;;
        *) usage ;;
    esac
done
[[ $cycles =~ ^[1-9][0-9]{0,3}$ ]] || usage
baseline=$root/eng/mixed-versions-baseline
if [ -z "$old" ]; then
    [ -s "$baseline" ] || skip "there is no eng/mixed-versions-baseline; name a commit with --old."
    old=$(grep -oE '^[0-9a-f]{40}' "$baseline" | head -1)
fi
[ "$(git -C "$root" rev-parse --show-toplevel 2>/dev/null)" = "$root" ] || skip "this checkout has no git history."
commit=$(git -C "$root" rev-parse --verify --quiet "$old^{commit}") ||
    skip "commit $old is not in the history of this checkout."

build_programs
echo "Building the next feature level in artifacts/canary-level-2" >&2
if ! dotnet build "$root/src/Coordinator" -c Release -v:q -nologo -p:Canary=level-2 >"$root/artifacts/level-2.log" 2>&1 </dev/null
then
    tail -20 "$root/artifacts/level-2.log" >&2
    echo "The build of level 2 failed; its whole output is in $root/artifacts/level-2.log" >&2
    exit 2
fi
folder=$root/artifacts/mixed/$commit
if [ ! -e "$folder/built" ]; then
    echo "Building commit $commit in $folder" >&2
    rm -rf "$folder"
    mkdir -p "$folder"
    git -C "$root" archive "$commit" | tar -x -C "$folder"
    if ! dotnet build "$folder/src/Coordinator" -c Release -v:q -nologo >"$folder/build.log" 2>&1 </dev/null; then
        tail -20 "$folder/build.log" >&2
        echo "Commit $commit does not build; its whole output is in $folder/build.log" >&2
        exit 2
    fi
    touch "$folder/built"
fi
quorate mixed-versions --old-programs "$folder/artifacts/bin" --next-programs "$root/artifacts/canary-level-2/bin" \
    --cycles "$cycles" "${json[@]}"
