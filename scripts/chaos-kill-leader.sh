#!/usr/bin/env bash
# Kills leaders with kill -9 at moments drawn from a seed, restarts them, and compares the result with an undisturbed run:
#   ./scripts/chaos-kill-leader.sh [--kills N] [--seed S] [--rounds N] …
# Prints a table of failovers. The exit code is not 0 if anything accepted was lost or the final hash differs.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
build_programs
case " $* " in *" --kills "*) ;; *) set -- --kills 4 "$@" ;; esac
exec dotnet "$bin/Cli/release/quorate.dll" demo --timeout 1800 "$@"
