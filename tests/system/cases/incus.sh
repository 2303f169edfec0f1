# shellcheck shell=bash
# root: hypervisors
# Incus on the host, as docs/hypervisors.md says.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

in_guest() {
    incus exec vm-1 -- "$@"
}

# The image is made of the guest's root instead of fetched. The container is unprivileged, as Incus makes them.
case_set_up() {
    unmask systemd-networkd.service
    # Incus maps user IDs where the file system can.
    mount -t tmpfs -o mode=711 tmpfs /var/lib/incus
    systemctl restart incus.socket
    incus storage create default dir
    guest_root /srv/image/rootfs
    printf '%s\n' 'architecture: x86_64' 'creation_date: 1' 'properties: {description: Debian}' >/srv/image/metadata.yaml
    tar -C /srv/image --create --file /tmp/image.tar metadata.yaml rootfs
    umount /srv/image/rootfs
    incus image import --quiet /tmp/image.tar --alias debian
    incus init --quiet debian vm-1 --storage default
    follow 'Every host'
}

case_the_page() {
    follow Incus
    until_true 30 online 2001:db8:1: in_guest
    in_guest cat /proc/self/uid_map | grep -q '^ *0 *1000000 '
    echo "note: Incus $(incus version | sed -n 's/^Server version: //p')"
}

case_it_is_restarted() {
    incus restart --force vm-1
    until_true 30 online 2001:db8:1: in_guest
}

case_incus_is_restarted_under_it() {
    local pid
    pid=$(main_pid tap-vm-1)
    systemctl restart incus.service
    until_true 30 online 2001:db8:1: in_guest
    [ "$(main_pid tap-vm-1)" = "$pid" ]
}

case_routed_has_no_prefix_and_autora_says_so() {
    incus stop --force vm-1
    until_true 30 ended
    incus config device remove vm-1 eth0
    rm /etc/systemd/network/30-tap-vm-1.network
    networkctl reload
    incus config device add vm-1 eth0 nic nictype=routed host_name=tap-vm-1 ipv6.address=2001:db8:1::5
    incus start vm-1
    until_true 10 is tap-vm-1 active
    until_true 10 says tap-vm-1 'it has no global or unique-local .64'
    incus stop --force vm-1
    until_true 30 ended
}
