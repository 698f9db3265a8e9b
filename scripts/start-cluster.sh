#!/usr/bin/env bash
# Starts all coordinators of config/hosts.json and N trainers (default 5, 0 for none, at most the number of the run's shards)
# in the background on this machine:
#   ./scripts/start-cluster.sh [N]
# Exit codes: 2 bad arguments, or a cluster is already running; 3 no leader within a minute; 4 a program ended at once.
# Where it fails, it ends what it has started.
# HOSTS=FILE, RUN=FILE and DIR=FOLDER replace the defaults. Data, logs and process ids are in ./run/cluster; a second start
# continues with that data. Watch it with: ./quorate status --watch
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
refuse() { echo "$2" >&2; exit "$1"; }
trainers=${1:-5}
[[ $trainers =~ ^[0-9]{1,3}$ ]] || refuse 2 "usage: start-cluster.sh [number of trainers]"
for file in "${HOSTS:=$root/config/hosts.json}" "${RUN:=$root/config/runs/mnist.json}"; do
    [ -e "$file" ] || refuse 2 "There is no file $file."
done
hosts=$(realpath "$HOSTS") run=$(realpath "$RUN")
dir=${DIR:-$root/run/cluster}
shards=$(grep -oE '"shards"[[:space:]]*:[[:space:]]*[0-9]+' "$run" | grep -oE '[0-9]+$' | head -1) || true
[ -z "$shards" ] || [ "$trainers" -le "$shards" ] ||
    refuse 2 "The run's data has $shards shards (training.data.shards in $run), so $trainers trainers cannot take part in it."
mkdir -p "$dir/logs" "$dir/pids"
dir=$(realpath "$dir")

# A process id counts only while it is still the program that was started: ids are reused.
alive() { [ -e "$1" ] && grep -qz "Quorate\." "/proc/$(cat "$1")/cmdline" 2>/dev/null; }
for pid in "$dir"/pids/*.pid; do
    ! alive "$pid" || refuse 2 "$(basename "$pid" .pid) is already running; end it with scripts/stop-cluster.sh"
done
rm -f "$dir"/pids/*.pid

build_programs
cd "$root"
# Trainers would join another cluster at the same addresses.
answers=$(quorate status --hosts "$hosts" --json) || true
[[ $answers != *'"status":{'* ]] ||
    refuse 2 "Another cluster answers at the addresses in $hosts. End it, or name another hosts file with HOSTS=FILE."

started=""
trap '[ -n "$started" ] || DIR=$dir "$root/scripts/stop-cluster.sh" >&2' EXIT
trap 'exit 130' INT TERM
start() {
    local name=$1; shift
    setsid nohup "$@" >>"$dir/logs/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/pids/$name.pid"
}
require_alive() {
    local pid name failed=""
    for pid in "$dir"/pids/*.pid; do
        alive "$pid" && continue
        name=$(basename "$pid" .pid)
        echo "$name ended at once; $dir/logs/$name.log ends with:" >&2
        tail -3 "$dir/logs/$name.log" >&2
        failed=1
    done
    [ -z "$failed" ] || exit 4
}
ids=$(grep -oE '"id"[[:space:]]*:[[:space:]]*[0-9]+' "$hosts" | grep -oE '[0-9]+$')
for id in $ids; do
    start "node-$id" dotnet "$bin/Coordinator/release/Quorate.Coordinator.dll" \
        --id "$id" --hosts "$hosts" --run "$run" --data "$dir/node-$id"
done
until quorate status --hosts "$hosts" >/dev/null 2>&1; do
    require_alive
    [ $((waited = ${waited:-0} + 1)) -le 60 ] || refuse 3 "No coordinator leads after a minute; the logs are in $dir/logs"
    sleep 1
done
for ((id = 0; id < trainers; id++)); do
    start "trainer-$id" nice -n 8 dotnet "$bin/Trainer/release/Quorate.Trainer.dll" \
        --id "$id" --hosts "$hosts" --work "$dir/trainer-$id"
done
sleep 3
require_alive
started=yes
count() { [ "$1" = 1 ] && echo "1 $2" || echo "$1 $2s"; }
echo "Started $(count "$(wc -w <<<"$ids")" coordinator) and $(count "$trainers" trainer); logs are in $dir/logs"
