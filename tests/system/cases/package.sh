# shellcheck shell=bash
# The life of the package in a running system: this file's root comes without it.

files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path /run/systemd -o -path /run/udev \
        -o -path /var/log -o -path /var/lib/dpkg -o -path /run/log -o -path /run/netns -o -path /run/dbus \
        -o -path '/run/autora-sysfs' -o -path /var/cache/ldconfig \) -prune -o -print | sort
    find /run /var/lib/dpkg/info /var/lib/systemd -name '*autora*' -not -path '/run/autora-sysfs*' \
        -not -path '/run/systemd/*' -not -path '/run/host/*' | sort
}

# install_it [PACKAGE] [OPTION]...
install_it() {
    local package=${1:-/autora-debs/autora_*.deb}
    [ $# -eq 0 ] || shift
    # shellcheck disable=SC2086 # a pattern
    dpkg --install "$@" $package
}

# package_of VERSION: the package as another version, whose settings file has one more line.
package_of() {
    rm -rf /tmp/other
    dpkg-deb --raw-extract /autora-debs/autora_*.deb /tmp/other
    sed -i "s/^Version: .*/Version: $1/" /tmp/other/DEBIAN/control
    echo "# $1" >>/tmp/other/etc/default/autora
    dpkg-deb --build /tmp/other "/tmp/autora_$1.deb"
}

version() {
    dpkg-query --show --showformat='${Version}' autora
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

# The next version brings other settings, and then the one before comes back.
case_the_edited_settings_outlive_an_upgrade_and_a_downgrade() {
    local was first
    was=$(version)
    first=$(main_pid tap-vm-1)
    package_of 99
    cp /etc/default/autora /tmp/edited
    watch_routes
    # What apt and an administrator who keeps the file tell dpkg.
    install_it /tmp/autora_99.deb --force-confdef --force-confold
    [ "$(version)" = 99 ]
    cmp /etc/default/autora /tmp/edited
    grep -qx '# 99' /etc/default/autora.dpkg-dist
    rm /etc/default/autora.dpkg-dist
    autora apply --wait
    [ "$(main_pid tap-vm-1)" != "$first" ]
    first=$(main_pid tap-vm-1)
    install_it '' --force-confdef --force-confold
    [ "$(version)" = "$was" ]
    cmp /etc/default/autora /tmp/edited
    rm -f /etc/default/autora.dpkg-dist
    autora apply --wait
    [ "$(main_pid tap-vm-1)" != "$first" ]
    never_lost_its_route 1
    nothing_failed
}

case_an_upgrade_with_100_guests() {
    local number old
    for number in $(seq 101 200); do
        plug "tap-vm-$number" "$number"
    done
    until_true 60 all_100_served
    autora apply --wait
    old=$(pgrep -x autora | sort)
    watch_routes
    install_it
    autora apply --wait
    until_true 60 none_of "$old"
    kill -0 %1
    all_100_served
    never_lost_its_route 200
    nothing_failed
    for number in $(seq 101 200); do
        echo "link del tap-vm-$number"
    done | ip -batch -
    until_true 30 only_three_left
}
all_100_served() {
    [ "$(ip -n guest -6 route show default proto ra | grep -c 'dev g[12][0-9][0-9] ')" -eq 100 ]
}
none_of() {
    [ -z "$(comm -12 <(echo "$1") <(pgrep -x autora | sort))" ]
}
only_three_left() {
    [ "$(pgrep -x autora | wc -l)" -eq 3 ]
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

case_an_upgrade_leaves_a_stopped_switch_alone() {
    systemctl stop autora.service
    install_it
    systemctl is-enabled --quiet autora.service
    not systemctl is-active --quiet autora.service
    no_instance_left
    systemctl start autora.service
    until_true 10 served 2
}

# On until the next boot, and so it stays.
case_an_upgrade_leaves_a_disabled_switch_disabled_and_restarts_what_runs() {
    local first
    systemctl disable autora.service
    first=$(main_pid tap-vm-1)
    install_it
    autora apply --wait
    not systemctl is-enabled --quiet autora.service
    systemctl is-active --quiet autora.service
    [ "$(main_pid tap-vm-1)" != "$first" ]
    systemctl enable autora.service
}

case_an_upgrade_leaves_a_masked_switch_alone() {
    systemctl mask --now autora.service
    until_true 10 no_instance_left
    install_it
    [ "$(systemctl is-enabled autora.service)" = masked ]
    no_instance_left
    plug tap-vm-5 5
    udevadm settle
    no_instance_left
    unplug tap-vm-5
    systemctl unmask autora.service
    systemctl start autora.service
    until_true 10 served 1
    until_true 10 served 2
    until_true 10 served 3
    nothing_failed
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

case_after_a_purge_an_installation_is_a_first_one() {
    install_it
    systemctl is-enabled --quiet autora.service
    systemctl is-active --quiet autora.service
    dpkg --verify autora >/tmp/changed
    [ ! -s /tmp/changed ]
    no_instance_left
    dpkg --purge autora
}

# debian/tests as Debian runs them; this system is the machine that they want for themselves.
case_autopkgtest_passes_and_leaves_the_settings_as_they_were() {
    # It asks them again at the end, and there is no network.
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
    autopkgtest --ignore-restrictions=isolation-machine \
        /autora-debs/autora_*.deb /autora-debs/source/ -- null
    dpkg --verify autora >/tmp/changed
    [ ! -s /tmp/changed ]
    not ip link show tap-smoke-1
    dpkg --purge autora
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
