# shellcheck shell=bash
# root: containers
# LXC on the host, as docs/hypervisors.md says.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

in_guest() {
    lxc-attach --name vm-1 -- "$@"
}

# What lxc-create makes of an image, which it would have to fetch.
case_set_up() {
    guest_root /var/lib/lxc/vm-1/rootfs
    printf '%s\n' 'lxc.include = /usr/share/lxc/config/common.conf' 'lxc.uts.name = vm-1' \
        'lxc.rootfs.path = dir:/var/lib/lxc/vm-1/rootfs' >/var/lib/lxc/vm-1/config
    cat /etc/lxc/default.conf >>/var/lib/lxc/vm-1/config
    follow 'Every host'
}

case_the_page() {
    follow LXC
    until_true 30 online 2001:db8:1: in_guest
    echo "note: LXC $(lxc-start --version)"
}

case_the_guest_is_restarted_and_ends() {
    lxc-stop --name vm-1
    until_true 30 ended
    lxc-start vm-1
    until_true 30 online 2001:db8:1: in_guest
    lxc-stop --name vm-1
    until_true 30 ended
}

case_a_container_with_a_prefix_that_is_none_does_not_start() {
    sed -i 's,2001:db8:1::/64,2001:db8:1::/56,' /var/lib/lxc/vm-1/config
    not lxc-start vm-1 --logfile /tmp/lxc.log --logpriority DEBUG
    grep 'vm-1: 2001:db8:1::/56 is not a /64' /tmp/lxc.log
    until_true 30 ended
    not ip link show dev tap-vm-1
}
