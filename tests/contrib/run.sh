#!/bin/sh
# Gets the software that judges contrib/examples, and runs the cases: run.sh [-v] [NAME...]
#
# What would change the machine when it is installed (a server that starts at the next boot, another owner of the
# network) is only unpacked, below AUTORA_TEST_CACHE (/var/cache/autora-tests). AUTORA names another program than
# target/release/autora. Needs root.
set -eu

# Published by Grafana, made of its own schema; no Debian package has it. It has neither code that is compiled nor
# dependencies.
GRAFANA_SDK='grafana-foundation-sdk==1769699998!10.1.0'

here=$(cd "$(dirname "$0")" && pwd)
cache=${AUTORA_TEST_CACHE:-/var/cache/autora-tests}/contrib-$(. /etc/os-release && echo "$VERSION_ID")

# made NAME COMMAND... runs the command in a new directory that gets this name when all is well.
made() {
    [ ! -d "$cache/$1" ] || return 0
    echo "Getting $1 (once)"
    rm -rf "$cache/$1.new"
    mkdir -p "$cache/$1.new"
    (cd "$cache/$1.new" && shift && "$@" >"$cache/log" 2>&1) || {
        cat "$cache/log" >&2
        exit 1
    }
    mv "$cache/$1.new" "$cache/$1"
}

unpack() {
    apt-get -qq update
    apt-get -qq download "$1"
    dpkg-deb --extract ./*.deb .
}

bash -c '. "$0"; install_tools "$@"' "$here/../setup.sh" ip=iproute2 unshare=util-linux tcpdump=tcpdump nft=nftables \
    ping=iputils-ping sysctl=procps python3=python3 pip3=python3-pip systemd-analyze=systemd \
    virsh=libvirt-clients libvirtd=libvirt-daemon virt-qemu-run=libvirt-daemon-driver-qemu \
    qemu-system-x86_64=qemu-system-x86 ansible-lint=ansible-lint
for package in prometheus prometheus-node-exporter ifupdown; do
    made "$package" unpack "$package"
    PATH=$PATH:$cache/$package/usr/bin:$cache/$package/sbin
done
made grafana-sdk pip3 install --quiet --no-deps --target . "$GRAFANA_SDK"
export PATH PYTHONPATH="$cache/grafana-sdk"
exec python3 "$here/run.py" "$@"
