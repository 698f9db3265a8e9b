#!/usr/bin/env bash
# Starts all coordinators of config/hosts.json and N trainers (default 5, 0 for none, at most the number of the run's shards)
# in the background on this machine:
#   ./scripts/start-cluster.sh [N]
# Exit codes: 2 bad arguments, or the cluster is already running; 4 a program ended at once.
# HOSTS=FILE, RUN=FILE and DIR=FOLDER replace the defaults. Data, logs and process ids are in ./run/cluster; a second start
# continues with that data. Watch it with: dotnet run --project src/Cli -- status --watch
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
trainers=${1:-5}
[[ $trainers =~ ^[0-9]{1,3}$ ]] || { echo "usage: start-cluster.sh [number of trainers]" >&2; exit 2; }
hosts=$(realpath "${HOSTS:-$root/config/hosts.json}")
run=$(realpath "${RUN:-$root/config/runs/mnist.json}")
dir=${DIR:-$root/run/cluster}
mkdir -p "$dir/logs" "$dir/pids"

# A process id counts only while it is still the program that was started: ids are reused.
alive() { [ -e "$1" ] && grep -qz "Quorate\." "/proc/$(cat "$1")/cmdline" 2>/dev/null; }
for pid in "$dir"/pids/*.pid; do
    alive "$pid" && { echo "$(basename "$pid" .pid) is already running; end it with scripts/stop-cluster.sh" >&2; exit 2; }
done

build_programs
cd "$root"
start() {
    local name=$1; shift
    setsid nohup "$@" >>"$dir/logs/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/pids/$name.pid"
}
ids=$(grep -oE '"id"[[:space:]]*:[[:space:]]*[0-9]+' "$hosts" | grep -oE '[0-9]+$')
for id in $ids; do
    start "node-$id" dotnet "$bin/Coordinator/release/Quorate.Coordinator.dll" \
        --id "$id" --hosts "$hosts" --run "$run" --data "$dir/node-$id"
done
for ((id = 0; id < trainers; id++)); do
    start "trainer-$id" nice -n 8 dotnet "$bin/Trainer/release/Quorate.Trainer.dll" \
        --id "$id" --hosts "$hosts" --work "$dir/trainer-$id"
done

sleep 3
failed=0
for pid in "$dir"/pids/*.pid; do
    alive "$pid" && continue
    name=$(basename "$pid" .pid)
    echo "$name ended at once; $dir/logs/$name.log ends with:" >&2
    tail -3 "$dir/logs/$name.log" >&2
    failed=1
done
[ $failed = 0 ] || exit 4
echo "Started $(wc -w <<<"$ids") coordinators and $trainers trainers; logs are in $dir/logs"
