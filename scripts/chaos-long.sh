#!/usr/bin/env bash
# The long form of the chaos tests, with real coordinator processes:
#   ./scripts/chaos-long.sh [SEED]
# Environment variables set the counts. The seed determines the schedule of faults, not how the processes interleave.
#   QUORATE_CHAOS_KILL_ALL        times that all three coordinators are killed at once   (60)
#   QUORATE_CHAOS_KILL_LEADER     times that the leader is killed                        (100)
#   QUORATE_CHAOS_FAILOVERS       measured failovers                                     (200)
#   QUORATE_CHAOS_CRASH_HITS      deaths at each named crash point, as leader and follower   (10)
#   QUORATE_CHAOS_DISK_TRIES      times that each disk fault happens                     (20)
#   QUORATE_CHAOS_INTAKE_KILLS    leaders killed during the linearizability test         (50)
#   QUORATE_CHAOS_HUNG            leaders and followers that hang, measured              (30)
#   QUORATE_CHAOS_ROLLING         coordinators restarted one after another               (100)
#   QUORATE_CHAOS_OVERLOAD_SECONDS  200 trainers that send as fast as they can           (60)
#   QUORATE_CHAOS_SOAK_SECONDS    mixed load and mild faults, with memory measured       (3600)
#   QUORATE_CHAOS_MEMORY_ROUNDS   rounds of 20 updates of 46.8 MB                        (2)
#   QUORATE_DURABILITY_ROUNDS     rounds of the log's kill experiment                    (300)
#   QUORATE_CHAOS_MINUTES         minutes of `quorate chaos`, all faults at once; 35 give over 1,000 kills  (35)
#   QUORATE_CHAOS_STORM           seconds of the short campaign among the tests          (60)
#   QUORATE_CHAOS_KEEP=1          keep the logs and data of all runs; those of a failed run are always kept
# For the long form of the fuzzers: QUORATE_LONG=1 dotnet test tests/Unit --filter Fuzz
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
cd "$root"
export QUORATE_CHAOS_SEED=${1:-${QUORATE_CHAOS_SEED:-1}}
export QUORATE_DURABILITY_SEED=${QUORATE_DURABILITY_SEED:-$QUORATE_CHAOS_SEED}
export QUORATE_CHAOS_KILL_ALL=${QUORATE_CHAOS_KILL_ALL:-60} QUORATE_CHAOS_KILL_LEADER=${QUORATE_CHAOS_KILL_LEADER:-100}
export QUORATE_CHAOS_FAILOVERS=${QUORATE_CHAOS_FAILOVERS:-200}
export QUORATE_CHAOS_CRASH_HITS=${QUORATE_CHAOS_CRASH_HITS:-10} QUORATE_CHAOS_DISK_TRIES=${QUORATE_CHAOS_DISK_TRIES:-20}
export QUORATE_CHAOS_INTAKE_KILLS=${QUORATE_CHAOS_INTAKE_KILLS:-50}
export QUORATE_CHAOS_HUNG=${QUORATE_CHAOS_HUNG:-30} QUORATE_CHAOS_ROLLING=${QUORATE_CHAOS_ROLLING:-100}
export QUORATE_CHAOS_OVERLOAD_SECONDS=${QUORATE_CHAOS_OVERLOAD_SECONDS:-60}
export QUORATE_CHAOS_SOAK_SECONDS=${QUORATE_CHAOS_SOAK_SECONDS:-3600}
export QUORATE_CHAOS_MEMORY_ROUNDS=${QUORATE_CHAOS_MEMORY_ROUNDS:-2}
export QUORATE_DURABILITY_ROUNDS=${QUORATE_DURABILITY_ROUNDS:-300}
export QUORATE_CHAOS_STORM=${QUORATE_CHAOS_STORM:-60}
echo "SEED=$QUORATE_CHAOS_SEED COMMIT=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
dotnet build chaos-tests/ChaosTests.csproj -c Release -v:m -nologo
code=0
dotnet test chaos-tests/ChaosTests.csproj -c Release --no-build --nologo --logger "console;verbosity=detailed" || code=1
quorate chaos --minutes "${QUORATE_CHAOS_MINUTES:-35}" --seed "$QUORATE_CHAOS_SEED" --json || code=1
exit $code
