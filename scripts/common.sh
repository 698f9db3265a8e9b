# Sourced by the other scripts: the checkout, the SDK, and the build of all programs.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$root/artifacts/bin
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 # The SDK needs no ICU then.
export HOME=~ # Where NuGet keeps its packages; under `env -i` this is the home of the user's account.

# .NET is often where PATH does not point: dotnet-install.sh puts it into ~/.dotnet and changes no other shell's PATH.
for folder in "${DOTNET_ROOT:-}" ~/.dotnet /usr/share/dotnet /usr/lib/dotnet; do
    command -v dotnet >/dev/null && break
    [ ! -x "$folder/dotnet" ] || export PATH=$PATH:$folder
done

require_sdk() {
    if ! command -v dotnet >/dev/null || ! dotnet --list-sdks 2>/dev/null | grep -q '^10\.'; then
        echo "Quorate needs the .NET 10 SDK, but 'dotnet --list-sdks' shows none. Install it (dotnet-sdk-10.0) and try again." >&2
        exit 2
    fi
}

# Builds the programs without the tests. It prints only errors and progress, and only to stderr: stdout is the program's.
# In a checkout that this user may not write, what its owner has built is used as it is.
build_programs() {
    if [ ! -w "$root" ] || { [ -e "$root/artifacts" ] && [ ! -w "$root/artifacts" ]; }; then
        local program
        for program in Cli/release/quorate Coordinator/release/Quorate.Coordinator Trainer/release/Quorate.Trainer; do
            [ ! -e "$bin/$program.dll" ] || continue
            echo "$root cannot be written by this user, and it is not built: use a checkout of your own, or let its owner" \
                "build it (dotnet build Quorate.slnf)." >&2
            exit 2
        done
        return
    fi
    require_sdk
    local log=$root/artifacts/build.log started=$SECONDS
    mkdir -p "$root/artifacts"
    [ -e "$bin/Cli/release/quorate.dll" ] || echo "Building. The first build also downloads packages, including libtorch." >&2
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
        echo "The build failed; its whole output is in $log" >&2
        exit 2
    fi
}

quorate() { dotnet "$bin/Cli/release/quorate.dll" "$@"; }
