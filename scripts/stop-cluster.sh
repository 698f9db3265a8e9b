#!/usr/bin/env bash
# Ends the processes that start-cluster.sh started (DIR as there), with SIGTERM and after 10 s with kill -9. The data is kept.
#   ./scripts/stop-cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
dir=${DIR:-$root/run/cluster}
shopt -s nullglob
alive() { grep -qz "Quorate\." "/proc/$1/cmdline" 2>/dev/null; }
pids=()
for file in "$dir"/pids/*.pid; do
    pid=$(cat "$file")
    if alive "$pid"; then kill "$pid" && pids+=("$pid"); fi
done
for pid in "${pids[@]}"; do
    for ((tenths = 0; tenths < 100; tenths++)); do alive "$pid" || break; sleep 0.1; done
    if alive "$pid"; then kill -9 "$pid" || true; fi
done
rm -f "$dir"/pids/*.pid
[ ${#pids[@]} = 1 ] && ended="1 process" || ended="${#pids[@]} processes"
echo "Ended $ended; data and logs are kept in $dir"
