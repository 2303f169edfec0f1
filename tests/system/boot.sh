#!/bin/sh
# Boots a root with systemd-nspawn, runs one file of cases in it and returns their status:
# boot.sh ROOT DEB-DIRECTORY CASE [GUEST-ROOT]. Nothing is written to the root. With GUEST-ROOT, which it finds in
# /autora-guest, the system may have guests of its own; the tests in Python are in /autora-python. Needs root.
set -eu

root=$1 debs=$2 case=$3 guest=${4:-}
tests=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
mkfifo "$out/log"
cat "$out/log" &
reader=$!
# Held open, so that the reader does not end with the first writer.
exec 3>"$out/log"

# systemd in the container must get a cgroup 2 hierarchy that is its own.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
set --
cgroup=
if [ -n "$guest" ]; then
    # A guest mounts /proc and /sys, makes devices and reads keys as a container of the host would.
    export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
    set -- --capability=all --system-call-filter='@keyring bpf' --bind-ro="$guest:/autora-guest" \
        --bind-ro="$(dirname "$tests"):/autora-python"
fi
if [ ! -d /run/systemd/system ]; then
    # No systemd on the host which could make the cgroup.
    set -- "$@" --register=no --keep-unit
    cgroup=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/autora-test-$$
    mkdir "$cgroup"
fi

cleanup() {
    rm -rf "$out"
    [ -z "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} +
}
trap cleanup EXIT

status=0
(
    exec 3>&-
    if [ -n "$cgroup" ]; then
        # Not $$, which is the parent of this subshell.
        sh -c 'echo $PPID' >"$cgroup/cgroup.procs"
    fi
    exec systemd-nspawn --quiet --directory="$root" --machine="autora-test-$$" --volatile=overlay \
        --private-users=no --private-network --console=pipe --kill-signal=SIGRTMIN+3 "$@" \
        --bind-ro="$tests:/autora-tests" --bind-ro="$debs:/autora-debs" --bind="$out:/autora-out" \
        --bind-ro="$tests/inside/autora-test.service:/etc/systemd/system/autora-test.service" \
        /autora-tests/inside/pid1 "$case" </dev/null >"$out/console" 2>&1
) || status=$?
exec 3>&-
wait "$reader"
case $status in
0 | 1) ;;
*) cat "$out/console" ;;
esac
exit "$status"
