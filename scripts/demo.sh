#!/usr/bin/env bash
# Builds Quorate and runs the demo on this machine: ./scripts/demo.sh [--kill-leader] [--json] …; see --help.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
build_programs
exec dotnet "$bin/Cli/release/quorate.dll" demo "$@"
