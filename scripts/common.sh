# Sourced by the other scripts: the checkout, the SDK, and the one build that all programs come from.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$root/artifacts/bin
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

require_sdk() {
    if ! command -v dotnet >/dev/null || ! dotnet --list-sdks 2>/dev/null | grep -q '^10\.'; then
        echo "Quorate needs the .NET 10 SDK, and 'dotnet --list-sdks' shows none: install it (dotnet-sdk-10.0) and run this again." >&2
        exit 2
    fi
}

# Builds the programs (not the tests). Quiet when all goes well; what it says goes to stderr, so that stdout is the program's.
build_programs() {
    require_sdk
    local log=$root/artifacts/build.log started=$SECONDS
    mkdir -p "$root/artifacts"
    [ -e "$bin/Cli/release/quorate.dll" ] || echo "Building once; the first time also fetches packages, libtorch among them." >&2
    dotnet build "$root/Quorate.slnf" -c Release -v:m -nologo >"$log" 2>&1 </dev/null &
    local build=$!
    trap 'kill $build 2>/dev/null || true; exit 130' INT TERM
    while kill -0 $build 2>/dev/null; do
        [ ! -t 2 ] || printf '\rbuilding … %d s ' $((SECONDS - started)) >&2
        sleep 0.5
    done
    trap - INT TERM
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if ! wait $build; then
        grep -E 'error|warn' "$log" | sort -u | head -20 >&2 || tail -20 "$log" >&2
        echo "The build failed; all of its output is in $log" >&2
        exit 2
    fi
}

quorate() { dotnet "$bin/Cli/release/quorate.dll" "$@"; }
