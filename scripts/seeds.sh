#!/usr/bin/env bash
# Runs simulation seeds: whole clusters under faults, with simulated time, network, log and disk.
#   ./scripts/seeds.sh SEED [--trace]      one seed; --trace prints every event
#   ./scripts/seeds.sh FROM COUNT          many seeds, in two processes
# The long run is ./scripts/seeds.sh 1 100000. A failing seed prints its number and the broken promise; run it again with
# SEED --trace. The test runs QUORATE_SIM_SEEDS seeds (2000) from QUORATE_SIM_FROM (1).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
cd "$root"
from=${1:-1} count=${2:-1} trace=""
if [ "$count" = --trace ]; then count=1 trace=--trace; fi
echo "SEED=$from COUNT=$count COMMIT=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
dotnet build tests/Simulation -c Release -v:q -nologo
program=$bin/Simulation/release/Quorate.Simulation.dll
if [ "$count" = 1 ]; then exec dotnet "$program" "$from" 1 $trace; fi
half=$((count / 2))
dotnet "$program" "$from" "$half" & first=$!
code=0
dotnet "$program" $((from + half)) $((count - half)) || code=1
wait $first || code=1
exit $code
