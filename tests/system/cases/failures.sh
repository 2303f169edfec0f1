# shellcheck shell=bash
# Whatever happens to the instance, the guest keeps its default route.

# Replaces a setting of the template for this test.
setting() {
    mkdir -p /run/systemd/system/autora@.service.d
    printf '[Service]\n%s\n' "$1" >/run/systemd/system/autora@.service.d/test.conf
    systemctl daemon-reload
}

# The advertisements of the guest's end as "SECONDS", one a line.
capture_ras() {
    ip netns exec guest tcpdump --immediate-mode -l -tt -n -i g1 'icmp6 and ip6[40] == 134' \
        2>/tmp/tcpdump >/tmp/ras &
    until_true 5 grep -q listening /tmp/tcpdump
}

case_set_up() {
    one_guest
}

case_the_unit_has_a_watchdog_that_is_shorter_than_the_life_of_the_route() {
    [ "$(systemctl show --value -p WatchdogUSec autora@tap-vm-1.service)" = '1min 30s' ]
}

case_killed_10_times_it_comes_back_and_keeps_3_seconds_between_advertisements() {
    local i pid
    watch_routes
    capture_ras
    for i in {1..10}; do
        echo "kill $i"
        pid=$(main_pid tap-vm-1)
        kill -KILL "$pid"
        until_true 5 another_pid_than "$pid"
    done
    await_ra
    never_lost_its_route
    kill "$(pgrep -x tcpdump)"
    wait %2 || true
    [ "$(wc -l </tmp/ras)" -ge 2 ]
    cat /tmp/ras
    awk '/^[0-9]+\.[0-9]+ IP6/ {
        if (last && $1 - last < 2.999) { print "only", $1 - last, "s"; bad = 1 }
        last = $1
    } END { exit bad }' /tmp/ras
}
another_pid_than() {
    local pid
    pid=$(main_pid tap-vm-1)
    [ "$pid" -ne 0 ] && [ "$pid" -ne "$1" ] && is tap-vm-1 active
}

case_the_watchdog_restarts_a_process_that_hangs() {
    local pid
    setting WatchdogSec=6
    systemctl restart autora@tap-vm-1.service
    watch_routes
    pid=$(main_pid tap-vm-1)
    kill -STOP "$pid"
    until_true 30 another_pid_than "$pid"
    journalctl -u autora@tap-vm-1.service | grep -q 'Watchdog timeout'
    await_ra
    never_lost_its_route
    setting ''
}

case_a_program_that_cannot_be_executed_is_tried_until_it_can() {
    local pid
    watch_routes
    pid=$(main_pid tap-vm-1)
    mv /usr/bin/autora /usr/bin/autora.away
    kill -KILL "$pid"
    until_true 10 tried_more_often_than 7
    mv /usr/bin/autora.away /usr/bin/autora
    until_true 10 another_pid_than "$pid"
    await_ra
    never_lost_its_route
}
tried_more_often_than() {
    [ "$(journalctl -u autora@tap-vm-1.service | grep -c 'status=203/EXEC')" -gt "$1" ]
}

case_a_refused_configuration_is_not_tried_again() {
    echo 'AUTORA_MAX_RA_INTERVAL=2s' >>/etc/default/autora
    plug tap-vm-2 2
    until_true 10 is tap-vm-2 failed
    [ "$(systemctl show --value -p NRestarts autora@tap-vm-2.service)" -eq 0 ]
    [ "$(systemctl show --value -p ExecMainStatus autora@tap-vm-2.service)" -eq 78 ]
    set_pattern '^tap-vm-[0-9]+$'
    systemctl start autora@tap-vm-2.service
    until_true 10 served 2
}
