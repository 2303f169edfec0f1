# shellcheck shell=bash
# What "systemctl enable, start, reload, stop, restart autora" mean.

case_the_package_has_enabled_and_started_the_switch_and_serves_nothing() {
    host_network
    guest_namespace
    systemctl is-enabled --quiet autora.service
    systemctl is-active --quiet autora.service
    ip link add other0 type veth peer name other1
    udevadm settle
    no_instance_left
}

case_setting_the_pattern_is_all_it_takes() {
    set_pattern '^tap-vm-[0-9]+$'
    plug tap-vm-1 1
    until_true 10 served 1
    is tap-vm-1 active
    unplug tap-vm-1
    until_true 5 no_instance_left
    nothing_failed
}

case_reload_starts_and_stops_what_the_edited_pattern_says_and_leaves_the_rest_alone() {
    local pid
    plug tap-vm-1 1
    plug tap-vm-2 2
    plug tap-b-3 3
    until_true 10 served 1
    until_true 10 served 2
    pid=$(main_pid tap-vm-1)
    set_pattern '^(tap-vm-1|tap-b-3)$'
    watch_routes
    systemctl reload autora.service
    until_true 10 served 3
    until_true 5 is tap-vm-2 inactive
    # It was told, and has not just been forgotten.
    until_true 5 routeless 2
    [ "$(main_pid tap-vm-1)" = "$pid" ]
    served 1
    not grep '^Deleted default.* dev g1 ' /tmp/routes
    # And back.
    set_pattern '^tap-'
    systemctl reload autora.service
    until_true 10 served 2
    [ "$(main_pid tap-vm-1)" = "$pid" ]
}

case_reload_with_a_pattern_that_is_none_fails_and_stops_nobody() {
    local count
    set_pattern '^(tap-'
    not systemctl reload autora.service
    systemctl is-active --quiet autora.service
    count=$(running_instances | wc -l)
    [ "$count" -eq 3 ] || fail "$count instances"
    set_pattern '^tap-'
    systemctl reload autora.service
}

case_an_instance_that_an_administrator_stopped_stays_stopped_until_the_next_apply() {
    systemctl stop autora@tap-vm-1.service
    until_true 5 routeless 1
    udevadm trigger --action=change --subsystem-match=net --settle
    systemctl daemon-reload
    systemctl daemon-reexec
    # A start would be under way or done: the answer to a request that came after it has arrived.
    systemctl is-active --quiet autora@tap-vm-2.service
    is tap-vm-1 inactive
    systemctl reload autora.service
    until_true 10 served 1
    # Or until the interface is made anew.
    systemctl stop autora@tap-vm-1.service
    unplug tap-vm-1
    plug tap-vm-1 1
    until_true 10 served 1
}

case_a_restart_of_the_switch_restarts_everything_and_withdraws_nothing() {
    local pid
    systemctl stop autora@tap-vm-2.service
    pid=$(main_pid tap-vm-1)
    watch_routes
    systemctl restart autora.service
    autora apply --wait
    is tap-vm-1 active
    is tap-vm-2 active
    [ "$(main_pid tap-vm-1)" != "$pid" ]
    never_lost_its_route 1
}

case_stop_stops_every_instance_and_then_the_rule_starts_nothing() {
    # What was restarted has told the guest nothing yet; up to 3 s later it has.
    await_ra 1
    systemctl start autora@tap-vm-2.service
    until_true 10 served 2
    systemctl stop autora.service
    no_instance_left
    until_true 5 routeless 1
    until_true 5 routeless 2
    plug tap-vm-4 4
    udevadm trigger --action=add --subsystem-match=net --settle
    no_instance_left
    nothing_failed
}

case_stop_leaves_nothing_that_udev_starts_meanwhile() {
    local round i
    for round in 1 2 3 4 5; do
        systemctl start autora.service
        for i in {11..40}; do
            printf 'link add tap-vm-%d type veth peer name g%d netns guest\n' "$i" "$i"
        done | ip -batch - &
        systemctl stop autora.service
        wait
        udevadm settle
        no_instance_left || fail "round $round: $(running_instances)"
        for i in {11..40}; do
            echo "link del tap-vm-$i"
        done | ip -batch -
    done
    nothing_failed
}

case_by_hand_an_instance_starts_while_the_switch_is_off() {
    systemctl start autora@tap-vm-4
    until_true 10 served 4
    systemctl stop autora@tap-vm-4
}

case_start_applies_the_pattern_to_what_is_there() {
    systemctl disable autora.service
    systemctl enable --now autora.service
    until_true 10 served 1
    until_true 10 served 4
}

case_a_masked_instance_never_starts() {
    systemctl mask --now autora@tap-vm-4.service
    unplug tap-vm-4
    plug tap-vm-4 4
    plug tap-vm-5 5
    until_true 10 served 5
    routeless 4
    nothing_failed
    systemctl unmask autora@tap-vm-4.service
}

case_a_missing_interface_is_said_at_once_and_not_kept_as_a_failure() {
    not systemctl start autora@tap-vm-99
    until_true 5 is tap-vm-99 inactive
    journalctl -u autora@tap-vm-99.service | grep -q 'status=66'
    nothing_failed
}

case_settings_of_one_guest_override_those_of_all() {
    mkdir -p /etc/default/autora.d
    echo 'AUTORA_ROUTER_LIFETIME=300s' >/etc/default/autora.d/tap-vm-6.conf
    echo "AUTORA_INTERFACE_REGEX='^$'" >/etc/default/autora.d/tap-vm-7.conf
    plug tap-vm-7 7
    plug tap-vm-6 6
    until_true 10 served 6
    ip -n guest -6 route show default dev g6 | grep -Eq 'expires (29[0-9]|300)sec'
    routeless 7
    is tap-vm-7 inactive
}

case_names_with_characters_that_no_unit_name_holds() {
    set_pattern '^tap'
    plug 'tap+8' 8
    plug 'tap--9-' 9
    until_true 10 served 8
    until_true 10 served 9
    systemctl is-active --quiet 'autora@tap\x2b8.service'
    # Quotes, and what looks like an option, are only names.
    set_pattern .
    ip link add "q'\"" type veth peer name --help
    plug tap-vm-10 10
    until_true 10 served 10
    unplug 'tap+8'
    until_true 5 routeless 8
    until_true 5 not systemctl is-active 'autora@tap\x2b8.service'
}
