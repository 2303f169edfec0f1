# shellcheck shell=bash
# root: hypervisors
# libvirt on the host, as docs/hypervisors.md says, with a guest in QEMU. tests/contrib/hooks.py has more of the hook.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

CONSOLE=/var/log/libvirt/qemu/vm-1-console.log

case_set_up() {
    guest_vm /var/lib/libvirt/images
    printf '%s\n' "<domain type='qemu'><name>vm-1</name><memory unit='MiB'>256</memory>" \
        "<os><type arch='x86_64' machine='q35'>hvm</type><kernel>/var/lib/libvirt/images/vmlinuz</kernel>" \
        "<initrd>/var/lib/libvirt/images/initramfs</initrd><cmdline>console=ttyS0 quiet</cmdline></os>" \
        "<devices><serial type='file'><source path='$CONSOLE'/></serial></devices></domain>" >/tmp/domain.xml
    virsh define /tmp/domain.xml
    follow 'Every host'
}

case_the_page() {
    follow libvirt
    until_true 120 vm_online 2001:db8:1: "$CONSOLE"
    echo "note: libvirt $(libvirtd --version), $(qemu-system-x86_64 --version | head -n 1)"
}

case_the_prefix_is_replaced() {
    local pid
    pid=$(main_pid tap-vm-1)
    echo 'vm-1 2001:db8:2::/64' >/etc/libvirt/autora-prefixes
    systemctl restart libvirtd
    until_true 60 vm_online 2001:db8:2: "$CONSOLE"
    until_true 30 grep ' 2001:db8:1:.* deprecated' "$CONSOLE"
    [ "$(main_pid tap-vm-1)" = "$pid" ]
}

case_it_is_destroyed_and_started() {
    virsh destroy vm-1
    until_true 30 ended
    virsh start vm-1
    until_true 120 vm_online 2001:db8:2: "$CONSOLE"
    virsh destroy vm-1
    until_true 30 ended
}
