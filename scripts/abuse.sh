#!/usr/bin/env bash
# Attacks a real cluster on this machine, with honest trainers that train meanwhile, and checks what the attacks must not
# achieve: no node ends, no election, bounded memory and logs, honest rounds at most 1.5 times as long as calm ones, uploads
# refused before a node stops, and the disk's space back afterwards.
#   ./scripts/abuse.sh [--json] [--seconds N] [--only NAME,NAME] [--no-disk]
# N (10) is the length of each attack. With --json, stdout is one object for each bar, and everything else goes to stderr.
# Filling a disk needs the right to mount one (root); without it that part is skipped with a sentence.
# Exit codes: 0 every bar is met; 1 a bar is missed; 2 bad arguments, or the build failed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
usage() { echo "usage: abuse.sh [--json] [--seconds N] [--only NAME,NAME] [--no-disk]" >&2; exit 2; }
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --json | --no-disk) arguments+=("$1"); shift ;;
        --seconds) [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ ]] || usage; arguments+=("$1" "$2"); shift 2 ;;
        --only) [[ ${2:-} =~ ^[a-z,-]+$ ]] || usage; arguments+=("$1" "$2"); shift 2 ;;
        *) usage ;;
    esac
done
require_sdk
cd "$root"
if ! dotnet build chaos-tests/Abuse -c Release -v:q -nologo >&2; then exit 2; fi
# So few files that one attack can use them up.
ulimit -n 1024
exec dotnet "$bin/Abuse/release/Quorate.Abuse.dll" "${arguments[@]}"
