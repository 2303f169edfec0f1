# shellcheck shell=bash
# What an operator without any privilege sees of instances that systemd and udev have started.

# What this file's cases ask, as nobody.
as_nobody() {
    setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all "$@"
}
status() {
    as_nobody autora status "$@"
}

case_set_up() {
    one_guest
    plug tap-vm-2 2
    ip link add tap-vm-3 type veth peer name g3 netns guest
    until_true 10 served 2
    until_true 10 is tap-vm-3 active
}

case_nobody_sees_every_instance() {
    status | tee /tmp/table
    grep -E '^tap-vm-1 +advertising .* 2001:db8:1::/64 +fe80::' /tmp/table
    grep -E '^tap-vm-2 +advertising .* 2001:db8:2::/64 +fe80::' /tmp/table
    grep -E '^tap-vm-3 +waiting' /tmp/table
    grep -F 'down: it is down: ip link set tap-vm-3 up' /tmp/table
    grep -x '3 instances: 2 advertising, 1 waiting' /tmp/table
    not grep -q $'\x1b' /tmp/table
    status --format json | grep -q '"interface": "tap-vm-1"'
    status --format prometheus | grep -qx 'autora_advertising{interface="tap-vm-2"} 1'
}

case_what_it_says_is_what_systemd_says() {
    local pid
    pid=$(main_pid tap-vm-1)
    status --format json tap-vm-1 | grep -qx "      \"pid\": $pid,"
    kill -KILL "$pid"
    until_true 5 restarted "$pid"
    status --format json tap-vm-1 | grep -qx '      "restarts": 1,'
}
restarted() {
    [ "$(main_pid tap-vm-1)" -gt 0 ] && [ "$(main_pid tap-vm-1)" != "$1" ] && is tap-vm-1 active
}

# lacks NAME REASON: the status of NAME is 1, and the reason is named.
lacks() {
    local text result=0
    text=$(status "$1") || result=$?
    echo "$text"
    [ "$result" -eq 1 ] && grep -Eq "^ +$2: ?" <<<"$text"
}

case_what_has_no_instance_says_why() {
    systemctl stop autora@tap-vm-1.service
    lacks tap-vm-1 stopped
    systemctl mask --now autora@tap-vm-1.service
    lacks tap-vm-1 masked
    systemctl unmask autora@tap-vm-1.service
    mkdir -p /etc/default/autora.d
    echo AUTORA_MAX_RA_INTERVAL=1s >/etc/default/autora.d/tap-vm-1.conf
    not systemctl start autora@tap-vm-1.service
    lacks tap-vm-1 'failed: .* with status 78'
    rm /etc/default/autora.d/tap-vm-1.conf
    systemctl reset-failed autora@tap-vm-1.service
    lacks lo no-match
    lacks nix no-interface
    systemctl stop autora.service
    lacks tap-vm-2 switch-off
    systemctl start autora.service
    systemctl start autora@tap-vm-1.service
    until_true 10 served
    until_true 10 served 2
    status
}

# A root shell's own instance, and after it the unit's for the same interface.
case_an_instance_by_hand_is_seen_and_stands_in_no_ones_way() {
    local pid
    systemctl stop autora@tap-vm-2.service
    autora --interface tap-vm-2 --interface-regex '^tap-vm-2$' 2>/tmp/by-hand &
    pid=$!
    until_true 5 status tap-vm-2
    kill -KILL "$pid"
    wait "$pid" || true
    [ "$(stat -c %U /run/autora/*."$(cat /sys/class/net/tap-vm-2/ifindex)")" = root ]
    lacks tap-vm-2 stopped
    systemctl start autora@tap-vm-2.service
    status tap-vm-2
    [ "$(stat -c %U /run/autora/*."$(cat /sys/class/net/tap-vm-2/ifindex)")" = autora ]
}

# Every instance is one of another version, which ran with DynamicUser=yes.
case_instances_move_from_a_dynamic_user_while_they_run() {
    local old
    dropin=/run/systemd/system/autora@.service.d/test.conf
    systemctl stop 'autora@*.service'
    rm -rf /run/autora
    mkdir -p "${dropin%/*}"
    printf '[Service]\nDynamicUser=yes\nRuntimeDirectoryMode=0700\n' >"$dropin"
    systemctl daemon-reload
    systemctl start autora@tap-vm-1.service autora@tap-vm-2.service autora@tap-vm-3.service
    until_true 10 served
    [ -d /run/private/autora ]
    watch_routes
    old=$(main_pid tap-vm-1)
    rm "$dropin"
    dpkg --install /autora-debs/autora_*.deb
    until_true 10 restarted "$old"
    until_true 10 is tap-vm-2 active
    until_true 10 is tap-vm-3 active
    never_lost_its_route
    status
    [ ! -L /run/autora ]
    [ ! -e /run/private/autora ]
    nothing_failed
}
