# shellcheck shell=bash
# What the cases with guests of a hypervisor share, after lib.sh: the page's commands, and guests that these start.

# steps HEADING: the commands below a heading of docs/hypervisors.md, as the package has it.
steps() {
    zcat --force /usr/share/doc/autora/hypervisors.md* |
        awk -v heading="$1" '/^```/ { code = $0 == "```sh"; next } /^##+ / && !code { sub(/^#+ /, ""); on = $0 == heading }
            on && code'
}

# follow HEADING: somebody types them.
follow() {
    steps "$1" >/tmp/steps
    [ -s /tmp/steps ] || fail "the page has no commands for $1"
    bash -eux /tmp/steps
}

# guest_root DIRECTORY: a Debian with systemd-networkd, in a file system that guests can have their own user IDs in.
guest_root() {
    mkdir -p "$1"
    mount -t tmpfs -o mode=755 tmpfs "$1"
    tar -C /autora-guest --create --one-file-system --exclude=./usr/share/doc --exclude=./usr/share/locale . |
        tar -C "$1" --extract
    rm "$1/etc/systemd/system/systemd-networkd.service"
    systemctl --root="$1" --quiet enable systemd-networkd.service
}

# unmask UNIT...: what the root keeps from starting by itself is wanted here.
unmask() {
    local unit
    for unit; do
        rm "/etc/systemd/system/$unit"
    done
    systemctl daemon-reload
}

# online PREFIX COMMAND...: the guest, in which COMMAND runs another one, has an address that begins with PREFIX and a
# default route by an advertisement, and the host reaches it.
online() {
    local prefix=$1 address
    shift
    "$@" ip -6 route show default | grep -q '^default .*via fe80::.* proto ra' || return
    address=$("$@" ip -6 -o address show scope global -tentative -deprecated | grep -o " ${prefix}[0-9a-f:]*") || return
    ping -6 -q -c 1 -W 1 "${address# }"
}

# ended: no instance is left, and no failure: that of one which started as its interface went is reset a moment later.
ended() {
    no_instance_left && [ -z "$(systemctl list-units --state=failed --plain --no-legend)" ]
}

# says NAME TEXT: it is in the status of the instance.
says() {
    systemctl show --value -p StatusText "autora@$1.service" | grep -q "$2"
}

# guest_vm DIRECTORY: a kernel and an initramfs of a guest in a virtual machine, which says on its console every second
# what it has configured by itself.
guest_vm() {
    local tree module
    tree=$(mktemp -d)
    mkdir -p "$1" "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev"
    cp /boot/vmlinuz-* "$1/vmlinuz"
    cp /usr/bin/busybox "$tree/bin/busybox"
    for module in failover net_failover virtio_net; do
        find /usr/lib/modules -name "$module.ko.xz" -exec busybox xzcat {} + >"$tree/$module.ko"
    done
    cat >"$tree/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
insmod /failover.ko
insmod /net_failover.ko
insmod /virtio_net.ko
ip link set eth0 up
while sleep 1; do
    ip -6 address show dev eth0
    ip -6 route show
done
END
    chmod +x "$tree/init"
    (cd "$tree" && find . | cpio --quiet --create --format=newc) >"$1/initramfs"
}

# vm_online PREFIX CONSOLE: as online, of a guest whose console is a file.
vm_online() {
    local address
    grep -q '^default via fe80::' "$2" || return
    address=$(grep -o " $1[0-9a-f:]*/64" "$2" | tail -n 1)
    address=${address%/64}
    ping -6 -q -c 1 -W 1 "${address# }"
}
