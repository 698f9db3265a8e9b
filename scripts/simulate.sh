#!/usr/bin/env bash
# The simulation by itself: whole clusters under faults, a seed each, on simulated time, network, log and disk.
#   ./scripts/simulate.sh SEED [--trace]      one seed, told event by event where asked
#   ./scripts/simulate.sh FROM COUNT          many; two processes share them
# The long run: ./scripts/simulate.sh 1 100000. A failing seed prints its number and what it broke; tell
# it again with SEED --trace. The test runs QUORATE_SIM_SEEDS (2000) seeds from QUORATE_SIM_FROM (1).
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
