# shellcheck shell=bash
# Restarts of the instance and of what is below it.

case_set_up() {
    one_guest
}

case_a_restart_of_the_instance_does_not_show() {
    local i
    watch_routes
    for i in 1 2 3; do
        systemctl restart autora@tap-vm-1.service
    done
    await_ra
    never_lost_its_route
}

case_a_stop_takes_the_route_away_at_once() {
    # An earlier advertisement is less than 3 s ago, which the last one must wait for.
    systemctl stop autora@tap-vm-1.service
    routeless || until_true 1 routeless
    systemctl start autora@tap-vm-1.service
    until_true 10 served
}

case_systemd_and_udev_restart_below_it() {
    local pid
    watch_routes
    pid=$(main_pid tap-vm-1)
    systemctl restart systemd-udevd.service
    systemctl daemon-reload
    systemctl daemon-reexec
    systemctl restart systemd-udevd.service
    systemctl daemon-reload
    udevadm trigger --action=add --subsystem-match=net --settle
    [ "$(main_pid tap-vm-1)" = "$pid" ]
    never_lost_its_route
    # And all of it still works.
    plug tap-vm-2 2
    until_true 10 served 2
    unplug tap-vm-2
    until_true 5 is tap-vm-2 inactive
}

# Its socket to systemd is opened once.
case_notifications_arrive_after_systemd_was_executed_anew() {
    local pid
    pid=$(main_pid tap-vm-1)
    systemctl daemon-reexec
    echo 0 >/proc/sys/net/ipv6/conf/tap-vm-1/forwarding
    until_true 5 status_says 'forwarding is 0'
    echo 1 >/proc/sys/net/ipv6/conf/tap-vm-1/forwarding
    until_true 5 status_says '^advertising'
    until_true 5 served
    [ "$(main_pid tap-vm-1)" = "$pid" ]
}
status_says() {
    systemctl show --value -p StatusText autora@tap-vm-1.service | grep -q "$1"
}

case_interfaces_come_and_go_while_systemd_and_udev_restart() {
    local i
    for i in {11..30}; do
        case $((i % 4)) in
        0) systemctl daemon-reload & ;;
        1) systemctl daemon-reexec & ;;
        2) systemctl restart systemd-udevd.service & ;;
        esac
        plug "tap-vm-$i" "$i"
    done
    wait
    for i in {11..30}; do
        until_true 15 served "$i" || fail "tap-vm-$i"
    done
    for i in {11..30}; do
        case $((i % 4)) in
        0) systemctl daemon-reload & ;;
        2) systemctl daemon-reexec & ;;
        esac
        unplug "tap-vm-$i"
    done
    wait
    until_true 10 only_the_first_is_left
    until_true 5 nothing_failed
}
only_the_first_is_left() {
    [ "$(running_instances | wc -l)" -eq 1 ] && is tap-vm-1 active
}
