# shellcheck shell=bash
# Whatever state the host was in: after an edit and a reload every interface that matches is served and no other.

# Milliseconds that a command takes.
took() {
    local begin=${EPOCHREALTIME/./}
    "$@"
    echo "note: $* took $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
}

active_instances() {
    systemctl list-units --plain --no-legend --state=active 'autora@*.service' | wc -l
}
active_are() {
    [ "$(active_instances)" -eq "$1" ]
}

case_set_up() {
    local i
    host_network
    guest_namespace
    set_pattern '^tap-vm-[0-9]+$'
    for i in 1 2 3 4; do
        plug "tap-vm-$i" "$i"
    done
    for i in 1 2 3 4; do
        until_true 10 served "$i"
    done
}

case_a_second_reload_does_nothing() {
    local pid
    pid=$(main_pid tap-vm-1)
    [ "$(autora apply --dry-run)" = 'start 0, stop 0, restart 0, leave 4' ]
    took systemctl reload autora.service
    [ "$(main_pid tap-vm-1)" = "$pid" ]
}

# systemd needs a millisecond for each unit that it is asked about, so a thousand cost seconds.
case_a_reload_asks_systemd_about_no_single_unit() {
    mkdir -p /tmp/asked /run/systemd/system/autora.service.d
    cat >/tmp/asked/systemctl <<'EOF'
#!/bin/sh
echo "$1" >>/tmp/asked/verbs
exec /usr/bin/systemctl "$@"
EOF
    chmod +x /tmp/asked/systemctl
    printf '[Service]\nEnvironment=PATH=/tmp/asked:/usr/sbin:/usr/bin\n' >/run/systemd/system/autora.service.d/asked.conf
    systemctl daemon-reload
    systemctl reload autora.service
    rm /run/systemd/system/autora.service.d/asked.conf
    systemctl daemon-reload
    [ "$(cat /tmp/asked/verbs)" = list-units ]
}

case_the_pattern_is_narrowed_and_put_back() {
    set_pattern '^tap-vm-[12]$'
    systemctl reload autora.service
    until_true 10 active_are 2
    until_true 5 routeless 3
    set_pattern '^tap-vm-[0-9]+$'
    systemctl reload autora.service
    until_true 10 active_are 4
    until_true 10 served 3
}

case_isolate_leaves_the_instances_alone() {
    local pid
    pid=$(main_pid tap-vm-1)
    # The unit of this test must stay too.
    mkdir -p /run/systemd/system/autora-test.service.d
    printf '[Unit]\nIgnoreOnIsolate=yes\n' >/run/systemd/system/autora-test.service.d/isolate.conf
    systemctl daemon-reload
    systemctl isolate multi-user.target
    systemctl is-active --quiet autora.service
    [ "$(main_pid tap-vm-1)" = "$pid" ]
}

# Rescue mode stops much, but neither the switch nor the instances: what they say is what systemd says.
case_rescue_mode_leaves_the_guests_alone_too() {
    local pid
    pid=$(main_pid tap-vm-1)
    # A shell without a terminal would end at once, and go back to the default target.
    mkdir -p /run/systemd/system/rescue.service.d
    printf '[Service]\nExecStartPre=\nExecStart=\nExecStart=sleep infinity\nStandardInput=null\n' \
        >/run/systemd/system/rescue.service.d/test.conf
    systemctl daemon-reload
    systemctl isolate rescue.target
    systemctl is-active --quiet rescue.target
    systemctl is-active --quiet autora.service
    [ "$(main_pid tap-vm-1)" = "$pid" ]
    active_are 4
    systemctl isolate multi-user.target
    rm -r /run/systemd/system/rescue.service.d
    systemctl daemon-reload
    systemctl reload autora.service
    [ "$(main_pid tap-vm-1)" = "$pid" ]
    [ "$(autora apply --dry-run)" = 'start 0, stop 0, restart 0, leave 4' ]
}

case_a_full_run_is_no_dead_end() {
    mount -t tmpfs -o size=4k,mode=755 tmpfs /run/autora
    chown autora: /run/autora
    dd if=/dev/zero of=/run/autora/filler bs=4k count=1
    systemctl restart autora.service
    autora apply --wait
    active_are 4
    # What runs without a state file is not restarted for that.
    [ "$(autora apply --dry-run)" = 'start 0, stop 0, restart 0, leave 4' ]
    umount /run/autora
    systemctl restart autora.service
    autora apply --wait
    autora status
}

case_a_typo_stops_nothing_and_is_named() {
    local pid
    pid=$(main_pid tap-vm-1)
    echo 'AUTORA_ROUTER_LIFETIME=9x' >>/etc/default/autora
    not systemctl reload autora.service
    until_true 5 typo_is_named
    systemctl restart autora.service
    [ "$(main_pid tap-vm-1)" = "$pid" ]
    active_are 4
    # The next reload is enough.
    sed -i 's/9x/600s/' /etc/default/autora
    autora apply --dry-run | grep -qx 'start 0, stop 0, restart 4: router-lifetime 180s → 600s, leave 0'
    watch_routes
    systemctl reload autora.service
    autora apply --wait
    [ "$(main_pid tap-vm-1)" != "$pid" ]
    never_lost_its_route
    [ "$(autora apply --dry-run)" = 'start 0, stop 0, restart 0, leave 4' ]
}

# Not through a pipe, as grep -q ends at the first line and journalctl then by SIGPIPE.
typo_is_named() {
    journalctl -u autora.service >/tmp/journal
    grep -q '/etc/default/autora:2: .*AUTORA_ROUTER_LIFETIME' /tmp/journal
}

case_a_pattern_that_matches_nothing_is_refused_unless_it_is_meant() {
    local text
    for text in "AUTORA_INTERFACE_REGEX='^tap-vm" $'\ufeffAUTORA_INTERFACE_REGEX=^tap' \
        'export AUTORA_INTERFACE_REGEX=^tap' "AUTORA_INTERFACE_REGEX='^tap-vm-[0-9]+$' # taps"; do
        printf '%s\n' "$text" >/etc/default/autora
        not systemctl reload autora.service
        active_are 4
        not autora apply --dry-run 2>/tmp/said
        grep -q ' warn: /etc/default/autora:1: ' /tmp/said
    done
    rm /etc/default/autora
    not systemctl reload autora.service
    active_are 4
    autora apply --allow-none
    until_true 10 active_are 0
    set_pattern '^tap-vm-[0-9]+$'
    systemctl reload autora.service
    until_true 10 active_are 4
}

case_a_switch_that_is_masked_serves_nothing() {
    systemctl mask --now autora.service
    until_true 10 no_instance_left
    until_true 5 routeless 1
    plug tap-vm-5 5
    udevadm settle
    is tap-vm-5 inactive
    not autora apply
    systemctl unmask autora.service
    systemctl start autora.service
    until_true 10 served 5
    until_true 10 active_are 5
}

case_what_udevd_missed_is_served_when_it_is_back() {
    systemctl kill --signal=KILL systemd-udevd.service
    plug tap-vm-6 6
    until_true 10 served 6
    # If somebody stops it for a while, the next reload starts what it missed.
    systemctl stop systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket
    plug tap-vm-7 7
    systemctl start systemd-udevd.service
    systemctl reload autora.service
    until_true 10 served 7
    until_true 10 systemctl is-active --quiet autora-instances.service
}

case_an_instance_that_was_unmasked_is_started_by_the_next_reload() {
    systemctl mask --now autora@tap-vm-7.service
    autora apply | grep -q 'masked 1'
    systemctl unmask autora@tap-vm-7.service
    is tap-vm-7 inactive
    systemctl reload autora.service
    until_true 10 served 7
}

case_a_hangup_by_hand_restarts_the_instance() {
    local pid
    pid=$(main_pid tap-vm-1)
    watch_routes
    systemctl kill --signal=HUP autora@tap-vm-1.service
    until_true 5 another_pid_than "$pid"
    never_lost_its_route
    nothing_failed
}
another_pid_than() {
    local pid
    pid=$(main_pid tap-vm-1)
    [ "$pid" -ne 0 ] && [ "$pid" -ne "$1" ] && is tap-vm-1 active
}

case_a_failed_instance_is_started_by_the_next_reload() {
    systemctl kill --signal=KILL autora@tap-vm-2.service
    mv /usr/bin/autora /usr/bin/autora.away
    mv /usr/bin/autora.away /usr/bin/autora
    systemctl reload autora.service
    until_true 10 active_are 7
}

case_100_guests_are_back_when_apply_has_waited() {
    local i
    for i in {11..110}; do
        printf 'link add tap-vm-%d type veth peer name g%d netns guest\n' "$i" "$i"
    done | ip -batch -
    until_true 60 active_are 107
    took systemctl reload autora.service
    systemctl restart autora.service
    took autora apply --wait
    active_are 107
    took systemctl stop autora.service
    no_instance_left
}
