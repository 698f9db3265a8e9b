#!/usr/bin/env bash
# Ends what start-cluster.sh started, by its pid files (DIR as there): SIGTERM, and kill -9 after 10 s. The data stays: ./scripts/stop-cluster.sh
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
echo "${#pids[@]} processes ended; data and logs stay in $dir"
