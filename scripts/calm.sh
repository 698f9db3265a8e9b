#!/usr/bin/env bash
# Five trainers train beside three coordinators on this machine for N minutes (default 30); counts the elections that nobody
# asked for:
#   ./scripts/calm.sh [N]
# Exits 1 if there was one after the first. A leader that one follower lost sight of for a moment, and kept its place, is
# counted too, but is no election.
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
echo "$minutes minutes, ${rounds:-0} rounds, $elections elections after the first, a leader lost from sight $lost times;" \
    "load average $(cut -d' ' -f1-3 /proc/loadavg)"
[ "$elections" = 0 ]
