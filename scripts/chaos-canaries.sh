#!/usr/bin/env bash
# Tests the chaos tests: builds coordinators that break one promise on purpose (chaos-tests/canaries), each into its own output
# folder, and runs a chaos test against each of them, which must find a violation. Prints a table; fails if a canary was missed.
#   ./scripts/chaos-canaries.sh [no-flush] [no-dedupe] [early-ack]     (all three without an argument)
#   no-flush   a follower acknowledges entries that it has not flushed; after enough kills, acknowledged commands are lost
#   early-ack  the leader acknowledges before a majority has the entry
#   no-dedupe  an update counts again under the same key
# QUORATE_DURABILITY_ROUNDS (150) is the maximum number of kill rounds for no-flush and early-ack, QUORATE_CHAOS_INTAKE_KILLS (5)
# the number of leaders killed for no-dedupe. QUORATE_DURABILITY_SEED and QUORATE_CHAOS_SEED (1) are the seeds.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
cd "$root"
canaries=("$@")
[ $# -gt 0 ] || canaries=(early-ack no-dedupe no-flush)
export QUORATE_DURABILITY_ROUNDS=${QUORATE_DURABILITY_ROUNDS:-150} QUORATE_CHAOS_INTAKE_KILLS=${QUORATE_CHAOS_INTAKE_KILLS:-5}
dotnet build chaos-tests/ChaosTests.csproj -c Release -v:q -nologo
table=() missed=0
for canary in "${canaries[@]}"; do
    case $canary in
        no-flush | early-ack) check=DurabilityTests sign='was acknowledged, but|applied different histories' ;;
        no-dedupe) check=LinearizableIntakeTests sign='no order explains' ;;
        *) echo "There is no canary '$canary'; there are no-flush, no-dedupe and early-ack." >&2; exit 2 ;;
    esac
    # Building the node also builds the coordinator.
    dotnet build chaos-tests/DurabilityNode/DurabilityNode.csproj -c Release -v:q -nologo "-p:Canary=$canary"
    log=$root/artifacts/canary-$canary/test.log started=$SECONDS code=0
    QUORATE_CHAOS_PROGRAMS=$root/artifacts/canary-$canary/bin \
        dotnet test chaos-tests/ChaosTests.csproj -c Release --no-build --nologo --filter "FullyQualifiedName~.$check" \
        --logger "console;verbosity=detailed" >"$log" 2>&1 || code=$?
    if [ $code != 0 ] && found=$(grep -m1 -E "$sign" "$log"); then
        table+=("$canary | caught by $check after $((SECONDS - started)) s | $(sed 's/^[[:space:]]*//' <<<"$found" | cut -c1-120)")
    else
        table+=("$canary | NOT CAUGHT by $check ($((SECONDS - started)) s, exit code $code) | see $log")
        missed=1
    fi
done
echo "canary | result | first violation"
printf '%s\n' "${table[@]}"
exit $missed
