#!/usr/bin/env bash
# Builds the benchmarks and runs one: ./scripts/bench.sh round --payload cnn --trainers 5 --rounds 30 --json, see --help.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
dotnet build "$root/benchmarks" -v:q -nologo >&2 </dev/null
exec dotnet "$bin/Benchmarks/release/Quorate.Benchmarks.dll" "$@"
