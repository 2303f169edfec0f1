# shellcheck shell=bash
# The life of the package in a running system: this file's root comes without it.

files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path /run/systemd -o -path /run/udev \
        -o -path /var/log -o -path /var/lib/dpkg -o -path /run/log -o -path /run/netns -o -path /run/dbus \
        -o -path '/run/autora-sysfs' -o -path /var/cache/ldconfig \) -prune -o -print | sort
    find /run /var/lib/dpkg/info /var/lib/systemd -name '*autora*' -not -path '/run/autora-sysfs*' \
        -not -path '/run/systemd/*' -not -path '/run/host/*' | sort
}

install_it() {
    dpkg --install /autora-debs/autora_*.deb
}

case_an_installation_serves_nothing_until_the_pattern_is_set() {
    host_network
    guest_namespace
    files >/tmp/before
    install_it
    systemctl is-enabled --quiet autora.service
    systemctl is-active --quiet autora.service
    plug tap-vm-1
    udevadm settle
    no_instance_left
    # What an administrator types in the first minutes.
    set_pattern '^tap-vm-[0-9]+$'
    systemctl reload autora.service
    until_true 10 served
    plug tap-vm-2 2
    until_true 10 served 2
    plug tap-vm-3 3
    until_true 10 served 3
    nothing_failed
}

case_an_upgrade_restarts_what_runs_and_no_guest_notices() {
    local first
    first=$(main_pid tap-vm-1)
    watch_routes
    install_it
    autora apply --wait
    is tap-vm-1 active
    [ "$(main_pid tap-vm-1)" != "$first" ]
    never_lost_its_route 1
    served 2
    # The settings of the administrator are kept.
    grep -q 'tap-vm' /etc/default/autora
}

case_an_upgrade_with_broken_settings_says_so_and_restarts_nothing() {
    local first
    first=$(main_pid tap-vm-1)
    echo 'AUTORA_ROUTER_LIFETIME=9x' >>/etc/default/autora
    install_it >/tmp/said 2>&1
    grep -q '/etc/default/autora:2: --router-lifetime (AUTORA_ROUTER_LIFETIME) is "9x"' /tmp/said
    [ "$(main_pid tap-vm-1)" = "$first" ]
    sed -i '$d' /etc/default/autora
}

case_an_upgrade_leaves_a_stopped_and_disabled_switch_alone() {
    systemctl disable --now autora.service
    install_it
    not systemctl is-enabled --quiet autora.service
    not systemctl is-active --quiet autora.service
    no_instance_left
    systemctl enable --now autora.service
    until_true 10 served 2
    until_true 10 served 3
}

case_a_removal_withdraws_and_stops_everything() {
    dpkg --remove autora
    until_true 1 routeless 1
    routeless 2
    routeless 3
    not pgrep -x autora
    [ ! -e /run/autora-switch ]
    plug tap-vm-4 4
    udevadm settle
    nothing_failed
}

case_after_a_removal_an_installation_starts_again_with_the_old_settings() {
    install_it
    until_true 10 served 1
    until_true 10 served 4
}

case_a_purge_leaves_nothing() {
    local left
    mkdir -p /etc/default/autora.d
    echo AUTORA_LOG=debug >/etc/default/autora.d/tap-vm-1.conf
    dpkg --purge autora
    files >/tmp/after
    diff /tmp/before /tmp/after
    not getent passwd autora
    left=$(systemctl list-units --all --plain --no-legend autora.service 'autora@*' 'autora-gone@*')
    [ -z "$left" ] || fail "units: $left"
}

# Whoever is called autora keeps the account, and is not taken for the user of the package.
case_a_person_called_autora_is_neither_adopted_nor_deleted() {
    useradd --uid 1234 --create-home autora
    not install_it >/tmp/said 2>&1
    grep -q 'account called autora (uid 1234) that is no system user' /tmp/said
    dpkg --purge autora
    getent passwd autora | grep -q ':1234:'
    [ -d /home/autora ]
    userdel --remove autora
}
