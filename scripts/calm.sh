#!/usr/bin/env bash
# Trains with five trainers and three coordinators on this machine for N minutes (default 30) and counts elections:
#   ./scripts/calm.sh [N]
# Exits with 1 if there was an election after the first one. It also counts how often a follower did not see its leader for
# a moment without an election.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
minutes=${1:-30}
[[ $minutes =~ ^[0-9]{1,4}$ ]] || { echo "usage: calm.sh [minutes]" >&2; exit 2; }
export DIR=$root/run/calm
"$root/scripts/stop-cluster.sh" >/dev/null
rm -rf "$DIR"
mkdir -p "$DIR"
sed 's/"rounds": [0-9]*/"rounds": 100000/' "$root/config/runs/mnist.json" >"$DIR/run.json"
trap '"$root/scripts/stop-cluster.sh"' EXIT
RUN=$DIR/run.json "$root/scripts/start-cluster.sh" 5
for ((left = minutes * 60; left > 0; left--)); do sleep 1; done
count() { cat "$DIR"/logs/node-*.log | grep -c "$1" || true; }
elections=$(($(count 'Became leader in term') - 1)) lost=$(count 'No leader in term')
rounds=$(cat "$DIR"/logs/node-*.log | grep -oE 'Published round [0-9]+' | grep -oE '[0-9]+$' | sort -n | tail -1)
echo "$minutes minutes, ${rounds:-0} rounds, $elections elections after the first, $lost times no leader seen;" \
    "load average $(cut -d' ' -f1-3 /proc/loadavg)"
[ "$elections" = 0 ]
