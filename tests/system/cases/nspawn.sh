# shellcheck shell=bash
# root: containers
# systemd-nspawn on the host, as docs/hypervisors.md says.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

in_guest() {
    systemd-run --quiet --machine=vm-1 --wait --pipe "$@"
}

case_set_up() {
    unmask systemd-networkd.service
    guest_root /var/lib/machines/vm-1
    follow 'Every host'
}

case_without_the_file_networkd_advertises_and_autora_yields() {
    systemctl start systemd-networkd.service
    machinectl start vm-1
    until_true 10 has_fe80 ve-vm-1
    ip -6 address add 2001:db8:1::1/64 dev ve-vm-1
    until_true 20 says ve-vm-1 'another program of this host'
    # And networkd does not leave it there.
    systemctl restart systemd-networkd.service
    until_true 20 not has_the_prefix ve-vm-1
    machinectl poweroff vm-1
    until_true 30 ended
    systemctl disable --now systemd-networkd.service systemd-networkd.socket
}
has_fe80() {
    ip -6 address show dev "$1" scope link -tentative | grep -q fe80
}
has_the_prefix() {
    ip -6 address show dev "$1" | grep -q ' 2001:db8:1::1/64'
}

case_the_page() {
    follow systemd-nspawn
    until_true 30 online 2001:db8:1: in_guest
    echo "note: $(systemd-nspawn --version | head -n 1)"
}

case_networkd_is_restarted_and_reloaded() {
    local pid
    pid=$(main_pid ve-vm-1)
    systemctl restart systemd-networkd.service
    until_true 10 has_the_prefix ve-vm-1
    networkctl reload
    networkctl reconfigure ve-vm-1
    until_true 10 has_the_prefix ve-vm-1
    until_true 10 online 2001:db8:1: in_guest
    [ "$(main_pid ve-vm-1)" = "$pid" ]
}

case_the_guest_is_restarted_and_ends() {
    machinectl poweroff vm-1
    until_true 30 ended
    until_true 10 machinectl start vm-1
    until_true 30 online 2001:db8:1: in_guest
    machinectl poweroff vm-1
    until_true 30 ended
}
