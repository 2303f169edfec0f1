#!/bin/sh
# Makes the root file system of a Debian for tests, once, and prints where it is: root.sh SUITE [PACKAGE]...
# The cache stays between runs; another list of packages makes another root. Needs root.
set -eu

suite=$1
shift
packages=$(printf '%s,' systemd systemd-sysv udev kmod dbus iproute2 procps tcpdump "$@")
cache=${AUTORA_TEST_CACHE:-/var/cache/autora-tests}
root=$cache/$suite-$(printf %s "$packages" | sha256sum | cut -c 1-8)

if [ ! -d "$root" ]; then
    echo "building a root of $suite in $root (once)" >&2
    mkdir -p "$cache"
    rm -rf "$root.new"
    # A mirror that stood still for some weeks serves tests as well.
    mmdebstrap --mode=root --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --include="${packages%,}" \
        "$suite" "$root.new" >&2 2>"$cache/$suite.log" || {
        cat "$cache/$suite.log" >&2
        exit 1
    }
    # What would touch the host or the cases' interfaces, or only costs time.
    for unit in systemd-udev-trigger.service systemd-udev-settle.service systemd-sysctl.service \
        systemd-modules-load.service kmod-static-nodes.service systemd-remount-fs.service \
        systemd-networkd.service NetworkManager.service radvd.service systemd-timesyncd.service getty.target \
        console-getty.service \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
        systemd-tmpfiles-clean.timer; do
        ln -sf /dev/null "$root.new/etc/systemd/system/$unit"
    done
    mv "$root.new" "$root"
fi
echo "$root"
