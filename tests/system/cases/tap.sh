# shellcheck shell=bash
# root: hypervisors
# A tap by hand, as docs/hypervisors.md says, that QEMU opens.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

case_the_page() {
    local options
    guest_vm /srv
    follow 'Every host'
    follow 'A tap by hand'
    until_true 10 says tap-vm-1 'it has no carrier'
    read -ra options < <(zcat --force /usr/share/doc/autora/hypervisors.md* | grep -o -- '-nic tap[^`]*')
    systemd-run --quiet --unit=qemu qemu-system-x86_64 -m 256 -display none -nodefaults -kernel /srv/vmlinuz \
        -initrd /srv/initramfs -append 'console=ttyS0 quiet' -serial file:/tmp/console "${options[@]}"
    until_true 120 vm_online 2001:db8:1: /tmp/console
}

case_the_guest_ends_and_the_tap_waits_for_the_next() {
    systemctl stop qemu.service
    until_true 10 says tap-vm-1 'it has no carrier'
    ip link delete tap-vm-1
    until_true 30 ended
}
