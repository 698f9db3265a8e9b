#!/usr/bin/env bash
# Builds the benchmarks and runs one: ./scripts/bench.sh round --payload cnn --trainers 5 --rounds 30 --json; see --help.
# `mean` and `micro` measure parts of a coordinator and are a separate program; `train` needs the trainer program.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
require_sdk
case "${1:-}" in
    mean | micro) project=$root/benchmarks/Micro program=$bin/Micro/release/Quorate.Micro.dll ;;
    *) project=$root/benchmarks program=$bin/Benchmarks/release/Quorate.Benchmarks.dll ;;
esac
[ "${1:-}" != train ] || dotnet build "$root/src/Trainer" -v:q -nologo >&2 </dev/null
dotnet build "$project" -v:q -nologo >&2 </dev/null
exec dotnet "$program" "$@"
